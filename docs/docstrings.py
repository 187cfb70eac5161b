"""A Griffe extension: what the reference shows of the docstrings and classes.

Docstrings are written to be read in an editor. For the site, their `>>>` examples become blocks of code, a line
"first, second: text" of a section becomes two entries, and names of what has a page become links. A class has what it
inherits from bases that no page shows.
"""

import functools
import re
from collections.abc import Iterator
from typing import Any

import griffe

from .public import MODULES, every_name

# Methods and attributes that only fastnn itself calls: no underscore, because they are called across its modules.
_INTERNAL = re.compile(
    r"add_kernel_and_bias|all_slots|as_argument|as_input|backward_from_logits|begin|blocks|build_once|check\w*|classes"
    r"|compiled|decays|divisor|epochs_at_once|evaluate_batch|fields|fused_operation|fuses|has_slots|hyper"
    r"|idle_without_gradient|kernel|keeps_bounds|labels|logits|lower|lower_logits|norms|numbers|operation"
    r"|output_activation|parameters|prepare|rates|sample_output_shape|separate|settings|shape_only|shown|slot_arrays"
    r"|slot_count|slot_start|slots_made|smoothing|state_size|step_kernel|step_on|takes_indices|update_key|weighted"
    r"|Loss\.evaluate|Metric\.(add|result)"  # but others of these names are for users
)
_SPECIAL = ("__call__", "__getitem__")
_ENTRY = re.compile(r"^    (?P<names>\*{0,2}\w+(?:, \*{0,2}\w+)+): ")
_SECTION = re.compile(r"^(Args|Attributes):$")
_NAME = re.compile(r"(?<![\[`])`(?P<name>[A-Za-z_][\w.]*)`(?!`)")


def fenced(text: str) -> str:
    """The docstring with its examples as blocks of code; the output of one ends at an empty line."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith(">>> ") and not inside:
            lines += ["", "```pycon"]
            inside = True
        elif inside and not line.strip():
            lines.append("```")
            inside = False
        lines.append(line)
    return "\n".join([*lines, "```"] if inside else lines)


def one_each(text: str) -> str:
    """The docstring with one entry for each argument or attribute."""
    lines: list[str] = []
    entries: list[list[str]] = []  # of the line that is being read
    inside = False
    for line in [*text.splitlines(), ""]:
        if entries and line.startswith("     "):
            for entry in entries:
                entry.append(line)
            continue
        lines += [kept for entry in entries for kept in entry]
        entries = []
        inside = bool(_SECTION.match(line)) or (inside and line.startswith("    "))
        if inside and (found := _ENTRY.match(line)):
            entries = [[f"    {name}: {line[found.end() :]}"] for name in found["names"].split(", ")]
        else:
            lines.append(line)
    return "\n".join(lines[:-1])


@functools.cache
def _names() -> frozenset[str]:
    return frozenset(every_name())


def linked(text: str, path: str) -> str:
    """The docstring of the object `path`, with links where it names another public one, in full or of its module."""
    here = max((module for module in MODULES if path.startswith(f"{module}.")), key=len, default="fastnn")

    def link(found: re.Match[str]) -> str:
        name = found["name"]
        for full in (name, f"{here}.{name}"):
            if full in _names() and not path.endswith(f".{name}"):
                return f"[`{name}`][{full}]"
        return found[0]

    return "\n".join(line if line.startswith((">>> ", "... ")) else _NAME.sub(link, line) for line in text.splitlines())


def with_others(text: str, base: griffe.Class) -> str:
    """The docstring of a class, with an entry for the arguments that its constructor hands on to the base."""
    names = ", ".join(f"`{p.name}`" for p in base.parameters if p.name not in ("self", "kwargs", "unknown"))
    entry = f"    **kwargs: {names}, as in `{base.name}`."
    before, args, after = text.partition("\nArgs:\n")
    if not args:
        first, _, rest = text.partition("\n\n")
        return f"{first}\n\nArgs:\n{entry}\n\n{rest}"
    entries, _, rest = after.partition("\n\n")
    return f"{before}{args}{entries}\n{entry}\n\n{rest}"


def shown(kind: griffe.Class, name: str) -> bool:
    """Whether a page shows a member of a class, if it has a docstring."""
    internal = [name, *(f"{base.name}.{name}" for base in (kind, *kind.mro()))]
    return name in _SPECIAL or not (name.startswith("_") or any(_INTERNAL.fullmatch(called) for called in internal))


class Docstrings(griffe.Extension):
    """Prepares the loaded package for the pages."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite the docstring."""
        if obj.docstring is not None:
            obj.docstring.value = one_each(fenced(linked(obj.docstring.value, obj.path)))

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        """Give each public class what it has of bases that no page shows, and hide what is not for users."""
        public = {kind.path: kind for kind in _public_classes(pkg)}
        above = {path: [base for base in kind.mro() if base.path in public] for path, kind in public.items()}
        for path, kind in public.items():
            elsewhere = {base.path for shown_base in above[path] for base in (shown_base, *shown_base.mro())}
            for base in kind.mro():
                if base.path not in elsewhere:
                    for name, member in base.members.items():
                        if name not in kind.members and not member.is_alias:
                            kind.members[name] = griffe.Alias(name, member, parent=kind)
        members = {path: set(kind.members) for path, kind in public.items()}
        for path, kind in public.items():
            of_bases = {name for base in above[path] for name in members[base.path]}
            for name in members[path]:
                if name != "__init__" and (not shown(kind, name) or name in of_bases):
                    del kind.members[name]
            constructor = kind.all_members.get("__init__")
            if above[path] and constructor and "kwargs" in constructor.parameters and kind.docstring:
                kind.docstring.value = with_others(kind.docstring.value, above[path][0])
            kind.bases = [griffe.ExprName(base.name, base.module) for base in above[path][:1]]  # its page says the rest


def _public_classes(pkg: griffe.Module) -> Iterator[griffe.Class]:
    for path in MODULES:
        module = pkg if path == pkg.path else pkg[path.removeprefix(f"{pkg.path}.")]
        for name, member in module.members.items():
            if member.is_public and name != "annotations":
                target = member.final_target if member.is_alias else member
                if target.is_class:
                    yield target
