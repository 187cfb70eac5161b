"""What the tables of pytest-benchmark show."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    # Defaults of these options, for this folder alone: a longer table has less room for the names.
    config.option.benchmark_columns = ["min", "median", "max", "rounds"]
    config.option.benchmark_sort = "name"
    config.option.benchmark_max_time = 0.3
    config.option.benchmark_warmup = True
    config.option.benchmark_warmup_iterations = 3


def pytest_terminal_summary(terminalreporter):
    """What else was recorded: the speed of matrix products."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{report.nodeid.split('::')[-1]}: {value} {name}")
