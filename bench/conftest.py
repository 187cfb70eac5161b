"""The tables of pytest-benchmark."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    # Defaults for this folder only. With more columns there would be less room for the names.
    config.option.benchmark_columns = ["min", "median", "max", "rounds"]
    config.option.benchmark_sort = "name"
    config.option.benchmark_max_time = 0.3
    config.option.benchmark_warmup = True
    config.option.benchmark_warmup_iterations = 3


def pytest_terminal_summary(terminalreporter):
    """Print what else was recorded: the speed of products and convolutions."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{report.nodeid.split('::')[-1]}: {value} {name}")
