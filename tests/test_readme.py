"""The examples of the README, pasted one after the other into one session."""

import matplotlib
import numpy as np

import fastnn

from . import pages
from .pages import session  # noqa: F401 (a fixture)

TEXT = pages.README.read_text(encoding="utf-8")
BLOCKS = pages.blocks(pages.README)


def test_the_examples_run_in_order(session, tmp_path):  # noqa: F811
    assert len(BLOCKS) >= 7
    assert "range(0, 60_000, 128)" in TEXT  # all of the images
    pages.run(pages.README, session)
    assert {path.name for path in tmp_path.iterdir()} == {
        "curves.png",
        "digits.safetensors",
        "confusion.png",
        "rates.png",
    }
    assert matplotlib.image.imread(tmp_path / "rates.png").size > 0


def test_the_layer_written_in_numpy_works_in_fit(session):  # noqa: F811
    for block in (BLOCKS[0], BLOCKS[-1]):
        exec(block, session)
    model = fastnn.Sequential([fastnn.Input((3,)), session["Scale"](), fastnn.layers.Dense(1)])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(64, 3))
    losses = model.fit(x, x[:, 0] * 2, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_every_picture_that_it_shows_is_there():
    shown = pages.pictures(pages.README)
    assert len(shown) >= 7
    assert all(picture.exists() for picture in shown)


def test_no_picture_is_left_that_neither_it_nor_a_page_shows():
    shown = {picture for path in [pages.README, *pages.PAGES] for picture in pages.pictures(path)}
    assert set((pages.README.parent / "docs" / "pages" / "images").iterdir()) <= shown
