"""What the README and the pages of the site show: their Python blocks, run one after the other, and their pictures.

Only blocks that begin with ```python run; one that cannot, such as code for another library, begins with ```py.
"""

import re
import textwrap

import pytest

import fastnn
from fastnn.engine import threads

from .subprocesses import ROOT

README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs" / "pages").rglob("*.md"))
IMAGES = 640

# A Python block, and right after it, perhaps, the text that it prints.
_EXAMPLE = re.compile(
    r"^(?P<indent> *)```python\b[^\n]*\n(?P<code>.*?)^(?P=indent)```$"
    r"(?:\n*(?P=indent)```text\n(?P<printed>.*?)^(?P=indent)```$)?",
    re.MULTILINE | re.DOTALL,
)
_PICTURE = re.compile(r"!\[[^]]*\]\(([^)\s]+)\)")


def examples(path):
    """Each Python block of a page with the text that it prints, or None where the page does not say."""
    found = _EXAMPLE.finditer(path.read_text(encoding="utf-8"))
    return [(textwrap.dedent(one["code"]), one["printed"] and textwrap.dedent(one["printed"])) for one in found]


def blocks(path):
    """The Python blocks of a page, of which those in lists and tabs are indented."""
    return [code for code, _ in examples(path)]


def run(path, session):
    """The page's examples, pasted one after the other into a session."""
    for number, block in enumerate(blocks(path), 1):
        code = compile(block.replace("60_000", str(IMAGES)), f"{path.name}, example {number}", "exec")
        exec(code, session)


def pictures(path):
    """The files that the page shows as pictures."""
    return [(path.parent / shown).resolve() for shown in _PICTURE.findall(path.read_text(encoding="utf-8"))]


@pytest.fixture
def session(tmp_path, monkeypatch):
    """A folder of its own, and little data, so that the examples take seconds; settings are restored."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(threads, "_asked", threads._asked)
    (x, y), (x_test, y_test) = fastnn.datasets.mnist.load_data()
    few = (x[:IMAGES], y[:IMAGES]), (x_test[:IMAGES], y_test[:IMAGES])
    monkeypatch.setattr(fastnn.datasets.mnist, "load_data", lambda: few)
    yield {"__name__": "__main__"}
    fastnn.config.set_floatx("float32")
