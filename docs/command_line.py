"""A Markdown extension: the line `@commands` becomes a description of the command `fastnn` and its subcommands.

It is made from the Typer app itself, so it cannot name an option that is not there, or lack one.
"""

import html
import inspect
import re
from collections.abc import Iterator
from typing import Any

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

LINE = "@commands"
_DEFAULT = re.compile(r"(.*?)\s*(?:\[default: \(?(.*?)\)?\])?(?:\s*\[required\])?", re.DOTALL)


def commands() -> Iterator[tuple[str, Any]]:
    """Each command that can be run, by its full name, without groups such as `fastnn lab`."""
    from typer.main import get_command

    from fastnn.cli import app

    def below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        if hasattr(command, "commands"):
            for word, part in command.commands.items():
                yield from below(f"{name} {word}", part)
        else:
            yield name, command

    yield from below("fastnn", get_command(app))


def described(name: str, command: Any) -> str:
    """Markdown: what a command does, its usage, its arguments and its options, in the words of its help."""
    context = command.make_context(name, [], resilient_parsing=True)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    lines = [f"## `{name}`", "", _text(command.help), "", "```", usage, "```", ""]
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and parameter.name != "help":
            words, default = _DEFAULT.fullmatch(record[1]).groups()  # type: ignore[union-attr]
            text = _text(words) + (f" Default: {_text(default)}." if default else "")
            lines += [f"`{record[0]}`", f":   {text}", ""]
    return "\n".join(lines)


def _text(text: str | None) -> str:
    """A help text as Markdown: names such as `wide-deep` or `*` mean themselves."""
    return re.sub(r"([*_])", r"\\\1", html.escape(inspect.cleandoc(text or ""), quote=False))


class _Commands(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        """Replace the line."""
        made: list[str] = []
        for line in lines:
            if line.strip() != LINE:
                made.append(line)
                continue
            for name, command in commands():
                made += described(name, command).splitlines()
        return made


class _Extension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        md.preprocessors.register(_Commands(md), "commands", 100)  # before fenced code, which is at 25


def makeExtension(**settings: Any) -> Extension:
    """For Python-Markdown, which looks for this name."""
    return _Extension(**settings)
