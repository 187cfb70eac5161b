"""The examples of the site's pages, each page in a session of its own."""

import re

import numpy as np
import pytest

import fastnn
from fastnn import notebooks

from .. import pages
from ..pages import session  # noqa: F401 (a fixture)

FOLDER = pages.ROOT / "docs" / "pages"
WITH_EXAMPLES = [path for path in pages.PAGES if pages.blocks(path)]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(FOLDER).with_suffix("")))
def test_the_examples_of_a_page_run_in_order(path, session):  # noqa: F811
    pages.run(path, session)


def test_the_layer_written_in_numpy_works_in_fit(session):  # noqa: F811
    page = FOLDER / "guides" / "use.md"
    assert "range(0, 60_000, 128)" in page.read_text(encoding="utf-8")  # all of the images
    examples = pages.blocks(page)
    for example in (examples[0], examples[-1]):
        exec(example, session)
    model = fastnn.Sequential([fastnn.Input((3,)), session["Scale"](), fastnn.layers.Dense(1)])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(64, 3))
    losses = model.fit(x, x[:, 0] * 2, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_the_table_of_notebooks_has_those_that_there_are():
    text = (FOLDER / "guides" / "notebooks.md").read_text(encoding="utf-8")
    others = {name: notebooks.title(name) for name in notebooks.names() if not name.startswith("lab_")}
    assert dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE)) == others


def test_blocks_are_found_in_lists_and_tabs(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```python\na = 1\n```\n\n- text\n\n    ```python title='x'\n    if a:\n        b = 2\n    ```\n\n"
        "```py\nno\n```\n"
    )
    assert pages.blocks(page) == ["a = 1\n", "if a:\n    b = 2\n"]
    found = {}
    pages.run(page, found)
    assert found["b"] == 2
