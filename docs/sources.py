"""A Markdown extension that shows functions and classes of the repository in a page, as they are in the source.

The line `@source kernels/dense.py dense_forward` becomes that function as a block of code, with its decorators; a
method is `Class.method`. The page is built from the file itself, so it cannot show code that is not there.
"""

import ast
import re
import textwrap
from pathlib import Path
from typing import Any

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

ROOT = Path(__file__).parent.parent
LINE = re.compile(r"^(?P<indent>\s*)@source (?P<path>\S+\.py) (?P<name>[\w.]+)\s*$")


def source(path: str, name: str) -> str:
    """The source of a function, class or method, with its decorators.

    Raises:
        ValueError: the file has no such object.
    """
    text = (ROOT / path).read_text(encoding="utf-8")
    node: Any = ast.parse(text)
    for part in name.split("."):
        found = [child for child in ast.iter_child_nodes(node) if getattr(child, "name", None) == part]
        if not found:
            raise ValueError(f"{path} has no {name}")
        node = found[0]
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return textwrap.dedent("\n".join(text.splitlines()[first - 1 : node.end_lineno]))


class _Sources(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        """Replace each line that asks for a source."""
        shown: list[str] = []
        for line in lines:
            if found := LINE.match(line):
                block = f'```python title="{found["path"]}"\n{source(found["path"], found["name"])}\n```'
                shown += textwrap.indent(block, found["indent"]).splitlines()
            else:
                shown.append(line)
        return shown


class _Extension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        md.preprocessors.register(_Sources(md), "sources", 100)  # before fenced code, which is at 25


def makeExtension(**settings: Any) -> Extension:
    """For Python-Markdown, which looks for this name."""
    return _Extension(**settings)
