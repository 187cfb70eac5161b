"""A Griffe extension: what the reference shows of the docstrings and classes.

Docstrings are written to be read in an editor. For the site, their `>>>` examples become blocks of code, a line
"first, second: text" of a section becomes two entries, and names of what has a page become links. A class has what it
inherits from bases that no page shows.
"""

import dataclasses
import functools
import importlib
import re
from collections.abc import Iterator
from typing import Any

import griffe

from .public import MODULES, every_name

# Methods and attributes that only fastnn itself calls: no underscore, because they are called across its modules.
_INTERNAL = re.compile(
    r"add_kernel_and_bias|all_slots|as_argument|as_input|backward_from_logits|begin|blocks|build_once|check\w*|classes"
    r"|compiled|decays|divisor|evaluate_batch|fields|fused_operation|fuses|has_slots|hyper"
    r"|idle_without_gradient|kernel|keeps_bounds|labels|logits|lower|lower_logits|norms|numbers|operation"
    r"|output_activation|parameters|prepare|sample_output_shape|separate|settings|shape_only|shown|slot_arrays"
    r"|slot_count|slot_start|slots_made|smoothing|state_size|step_kernel|step_on|takes_indices|update_key|weighted"
    # Others of these names are for users.
    r"|Loss\.evaluate|Metric\.(add|result)|(Optimizer|LearningRateSchedule)\.rates"
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


def without_type(text: str) -> str:
    """The docstring with a break after the first word of what is returned: before a colon Griffe expects a type."""
    return re.sub(r"^(Returns:\n    [^\s:]+) ", r"\1\n    ", text, flags=re.MULTILINE)


@functools.cache
def _names() -> frozenset[str]:
    return frozenset(every_name())


def linked(text: str, path: str) -> str:
    """The docstring of the object `path`, with links where it names another public one, in full or of its module."""
    here = max((module for module in MODULES if f"{path}.".startswith(f"{module}.")), key=len, default="fastnn")

    def link(found: re.Match[str]) -> str:
        name = found["name"]
        for full in (name, f"{here}.{name}"):
            if full in _names() and not path.endswith(f".{name}"):
                return f"[`{name}`][{full}]"
        return found[0]

    return "\n".join(line if line.startswith((">>> ", "... ")) else _NAME.sub(link, line) for line in text.splitlines())


def readable(text: str, path: str) -> str:
    """The docstring of the object `path` as the site shows it."""
    return without_type(one_each(fenced(linked(text, path))))


def entries(text: str, section: str = "Args") -> dict[str, str]:
    """The entries of a section, by the names of the arguments or attributes."""
    _, _, section = text.partition(f"\n{section}:\n")
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=    \S)", section.partition("\n\n")[0]):
        if entry:
            found[entry.strip().partition(":")[0]] = entry
    return found


def with_entries(text: str, more: list[str]) -> str:
    """The docstring with further entries in its section Args."""
    if not more:
        return text
    before, args, after = text.partition("\nArgs:\n")
    if not args:
        before, _, after = text.partition("\n\n")
        return "\n".join([before, "", "Args:", *more, "", after])
    own, _, rest = after.partition("\n\n")
    return "\n".join([before, "Args:", own, *more, "", rest])


def inherited_entries(kind: griffe.Class, base: griffe.Class | None) -> list[str]:
    """Entries for the constructor's arguments that only the docstrings of bases describe, or that go to the base."""
    own, *above = [entries(c.docstring.value) if c.docstring else {} for c in (kind, *kind.mro())]
    names = [p.name for p in kind.parameters]
    found = ([text[name] for text in above if name in text][:1] for name in names if name not in own)
    more = [entry for first in found for entry in first]
    if base and "kwargs" in names:
        handed = [p.name for p in base.parameters if p.name not in ("self", "unknown", *names)]
        more.append(f"    **kwargs: {', '.join(f'`{name}`' for name in handed)}, as in `{base.name}`.")
    return more


def undescribed(thing: griffe.Class | griffe.Function) -> list[str]:
    """The arguments that a docstring does not describe; those of a record are its attributes."""
    text = thing.docstring.value if thing.docstring else ""
    known = {name.lstrip("*") for section in ("Args", "Attributes") for name in entries(text, section)}
    return [p.name for p in thing.parameters if p.name not in known | {"self", "cls", "unknown"}]


def shown(kind: griffe.Class, name: str) -> bool:
    """Whether a page shows a member of a class, if it has a docstring."""
    internal = [name, *(f"{base.name}.{name}" for base in (kind, *kind.mro()))]
    return name in _SPECIAL or not (name.startswith("_") or any(_INTERNAL.fullmatch(called) for called in internal))


def spell_out(function: griffe.Function) -> None:
    """Replace names of types and constants of fastnn, which say nothing to a reader, by what they stand for."""
    for parameter in function.parameters:
        parameter.annotation = _spelled_out(parameter.annotation, function.modules_collection)
        if isinstance(parameter.default, griffe.ExprName):
            value = getattr(importlib.import_module(function.module.path), parameter.default.name, None)
            parameter.default = repr(value) if isinstance(value, (str, float)) else parameter.default
    function.returns = _spelled_out(function.returns, function.modules_collection)


def _spelled_out(annotation: Any, modules: griffe.ModulesCollection) -> Any:
    if isinstance(annotation, griffe.ExprName) and annotation.canonical_path.startswith("fastnn."):
        try:
            stands_for = modules[annotation.canonical_path]
            stands_for = stands_for.final_target if stands_for.is_alias else stands_for
        except (KeyError, griffe.AliasResolutionError):
            return annotation
        return stands_for.value if stands_for.is_attribute else annotation
    if isinstance(annotation, griffe.Expr) and not isinstance(annotation, griffe.ExprName):
        for field in dataclasses.fields(annotation):
            part = getattr(annotation, field.name)
            new = (
                [_spelled_out(one, modules) for one in part] if isinstance(part, list) else _spelled_out(part, modules)
            )
            setattr(annotation, field.name, new)
    return annotation


def set_types_of_attributes(kind: griffe.Class) -> None:
    """The types in the section Attributes: Griffe gives an attribute without a type that of the one before."""
    for section in kind.docstring.parsed if kind.docstring else ():
        if section.kind is griffe.DocstringSectionKind.attributes:
            for attribute in section.value:
                member = kind.all_members.get(attribute.name)
                attribute.annotation = getattr(member, "annotation", None)


class Docstrings(griffe.Extension):
    """Prepares the loaded package for the pages."""

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        """Give each public class what it has of bases that no page shows, and hide what is not for users."""
        for thing in _objects(pkg):
            if thing.docstring is not None:
                thing.docstring.value = readable(thing.docstring.value, thing.path)
            if isinstance(thing, griffe.Function):
                spell_out(thing)
        public = {kind.path: kind for kind in _public(pkg) if isinstance(kind, griffe.Class)}
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
            if kind.docstring:
                more = inherited_entries(kind, above[path][-1] if above[path] else None)
                kind.docstring.value = with_entries(kind.docstring.value, more)
            kind.bases = [griffe.ExprName(base.name, base.module) for base in above[path][:1]]  # its page says the rest
            set_types_of_attributes(kind)
        for thing in (*_public(pkg), *(member for kind in public.values() for member in kind.members.values())):
            thing = thing.final_target if isinstance(thing, griffe.Alias) else thing
            if isinstance(thing, (griffe.Class, griffe.Function)) and thing.docstring and thing.name != "__init__":
                for argument in undescribed(thing):  # the build counts warnings as faults
                    griffe.logger.warning("%s: its argument %s is not described", thing.path, argument)


def _public(pkg: griffe.Module) -> Iterator[griffe.Object]:
    for path in MODULES:
        module = pkg if path == pkg.path else pkg[path.removeprefix(f"{pkg.path}.")]
        for name, member in module.members.items():
            if member.is_public and name != "annotations":
                yield member.final_target if isinstance(member, griffe.Alias) else member


def _objects(parent: griffe.Object) -> Iterator[griffe.Object]:
    yield parent
    for member in parent.members.values():
        if isinstance(member, griffe.Object):
            yield from _objects(member)
