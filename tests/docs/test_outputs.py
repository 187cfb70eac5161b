"""What the pages say that their examples print is what they print, with all of the images."""

import re
from collections import Counter

import pytest

from fastnn.layers import base

from .. import pages

FOLDER = pages.ROOT / "docs" / "pages"
_NUMBER = re.compile(r"[-+]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?")


def same(printed, shown):
    """Whether two texts have the same words, and numbers that differ by 2 % or 0.01 at most.

    On processors with other vector units, trained networks are slightly different.
    """
    numbers = [[float(n.replace(",", "")) for n in _NUMBER.findall(text)] for text in (printed, shown)]
    words = [re.sub(r"[\s+-]+", " ", _NUMBER.sub("#", text)).strip() for text in (printed, shown)]
    return words[0] == words[1] and numbers[0] == pytest.approx(numbers[1], rel=0.02, abs=0.01)


WITH_TEXT = [path for path in pages.PAGES if any(printed for _, printed in pages.examples(path))]


@pytest.mark.full
@pytest.mark.parametrize("path", WITH_TEXT, ids=lambda path: str(path.relative_to(FOLDER).with_suffix("")))
def test_the_examples_print_what_the_page_shows(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(base, "_names", Counter())  # layers are named as in a new session
    session = {"__name__": "__main__"}
    for number, (code, shown) in enumerate(pages.examples(path), 1):
        exec(compile(code, f"{path.name}, example {number}", "exec"), session)
        printed = capsys.readouterr().out
        assert shown is None or same(printed, shown), f"example {number} printed\n{printed}"


def test_texts_belong_to_the_blocks_before_them(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```python\na = 1\n```\n\nwords\n\n```python\nprint(a)\n```\n\n```text\n1\n```\n\n"
        '=== "Tab"\n\n    ```python\n    print(2)\n    ```\n\n    ```text\n    2\n    ```\n'
    )
    assert pages.examples(page) == [("a = 1\n", None), ("print(a)\n", "1\n"), ("print(2)\n", "2\n")]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("loss 0.0884, [[1.  1.5]]", True),
        ("loss 0.0894, [[1.   1.5]]", True),
        ("loss 0.12, [[1.  1.5]]", False),
        ("loss 0.0884, [[1.  1.6]]", False),
        ("acc 0.0884, [[1.  1.5]]", False),
    ],
    ids=["equal", "rounded", "too far", "another entry", "another word"],
)
def test_which_texts_are_the_same(shown, expected):
    assert same("loss 0.0884, [[1.  1.5]]\n", shown) is expected
