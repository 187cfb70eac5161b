"""Pictures as small as can be, but for one test of each lab."""

import pytest

from fastnn.labs import results

DPI = results.DPI


@pytest.fixture(autouse=True)
def _small_pictures(monkeypatch):
    monkeypatch.setattr(results, "DPI", 20)


@pytest.fixture
def full_size(monkeypatch):
    """Pictures as users get them."""
    monkeypatch.setattr(results, "DPI", DPI)
