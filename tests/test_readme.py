"""The examples of the README, pasted one after the other into one session."""

import re

import matplotlib
import numpy as np
import pytest

import fastnn

from .subprocesses import ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
IMAGES = 640


@pytest.fixture
def session(tmp_path, monkeypatch):
    """A folder of its own, and little data, so that the examples take seconds; the random numbers are their own."""
    monkeypatch.chdir(tmp_path)
    (x, y), (x_test, y_test) = fastnn.datasets.mnist.load_data()
    few = (x[:IMAGES], y[:IMAGES]), (x_test[:IMAGES], y_test[:IMAGES])
    monkeypatch.setattr(fastnn.datasets.mnist, "load_data", lambda: few)
    return {"__name__": "__main__"}


def test_the_examples_run_in_order(session, tmp_path):
    assert len(BLOCKS) >= 7
    assert "range(0, 60_000, 128)" in TEXT  # all of the images
    for number, block in enumerate(BLOCKS, 1):
        code = compile(block.replace("60_000", str(IMAGES)), f"README.md, example {number}", "exec")
        exec(code, session)
    assert {path.name for path in tmp_path.iterdir()} == {
        "curves.png",
        "digits.safetensors",
        "confusion.png",
        "rates.png",
    }
    assert matplotlib.image.imread(tmp_path / "rates.png").size > 0


def test_the_layer_written_in_numpy_works_in_fit(session):
    for block in (BLOCKS[0], BLOCKS[-1]):
        exec(block, session)
    model = fastnn.Sequential([fastnn.Input((3,)), session["Scale"](), fastnn.layers.Dense(1)])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(64, 3))
    losses = model.fit(x, x[:, 0] * 2, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_every_picture_that_it_shows_is_there():
    """And each picture of the pages is shown, by the README or by a page."""
    shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", TEXT)
    assert len(shown) >= 7
    assert all((ROOT / picture).exists() for picture in shown)
    pages = ROOT / "docs" / "pages"
    for page in pages.rglob("*.md"):
        of_page = re.findall(r"!\[[^]]+\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
        shown += [str((page.parent / picture).resolve().relative_to(ROOT)) for picture in of_page]
    assert {str(path.relative_to(ROOT)) for path in (pages / "images").iterdir()} <= set(shown)
