"""The mutation check itself: that it would notice what it is there for. `python -m tests.mutations` runs it."""

import ast

import pytest

from .mutations.__main__ import place_of
from .mutations.table import MUTATIONS
from .subprocesses import ROOT


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_what_is_to_be_broken_is_there(mutation):
    path = place_of(mutation, ROOT)
    source = path.read_text(encoding="utf-8")
    assert ast.dump(ast.parse(source)) != ast.dump(ast.parse(source.replace(mutation.old, mutation.new)))


def test_what_is_not_there_is_an_error():
    with pytest.raises(SystemExit, match="must stand exactly once in the library, found nowhere"):
        place_of(MUTATIONS[0]._replace(old="no such " + "text"), ROOT)
