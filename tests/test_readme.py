"""The examples of the README, pasted one after the other into one session."""

import matplotlib

from . import pages
from .pages import session  # noqa: F401 (a fixture)


def test_the_examples_run_in_order(session, tmp_path):  # noqa: F811
    assert len(pages.blocks(pages.README)) >= 3
    pages.run(pages.README, session)
    assert {path.name for path in tmp_path.iterdir()} == {"curves.png", "digits.safetensors", "confusion.png"}
    assert matplotlib.image.imread(tmp_path / "confusion.png").size > 0


def test_every_picture_that_it_shows_is_there():
    shown = pages.pictures(pages.README)
    assert len(shown) >= 4
    assert all(picture.exists() for picture in shown)


def test_no_picture_is_left_that_neither_it_nor_a_page_shows():
    shown = {picture for path in [pages.README, *pages.PAGES] for picture in pages.pictures(path)}
    assert set((pages.README.parent / "docs" / "pages" / "images").iterdir()) <= shown
