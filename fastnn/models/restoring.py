"""Training that leaves no trace, for what only tries or measures, and for what fails."""

import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.interrupts import held_back
from ..layers.base import Layer

if TYPE_CHECKING:
    from .sequential import Sequential


@contextlib.contextmanager
def restored(model: "Sequential") -> Iterator[None]:
    """Within the block the model may train, with a copy of its optimizer; afterwards everything is restored."""
    optimizer, put_back = model.optimizer, _remembered(model)
    kept = (*model.parameters, optimizer.learning_rate_schedule)
    try:
        model.optimizer = copy.deepcopy(optimizer, {id(thing): thing for thing in kept})
        yield
    finally:
        with held_back():  # a Ctrl-C waits, as it may well have come in the block, and another one follows
            model.optimizer = optimizer
            put_back()


@contextlib.contextmanager
def unchanged_on_error(model: "Sequential") -> Iterator[None]:
    """Within the block the model may be compiled and trained; after an error or Ctrl-C in it, it is as before."""
    optimizer, put_back = model.optimizer, _remembered(model)
    of_model = {name: vars(model)[name] for name in _OF_TRAINING}
    of_optimizer = dict(vars(optimizer))
    slots = [(p, [slot.copy() for slot in optimizer.slots_of(p)]) for p in model.parameters]
    try:
        yield
    except BaseException:
        with held_back():
            vars(model).update(of_model)
            model._programs = {}  # they may be those of another loss
            vars(optimizer).update(of_optimizer)
            for p, known in slots:
                for slot, content in zip(optimizer.slots_of(p), known, strict=False):  # a callback may add some
                    slot[...] = content
            put_back()
        raise


_OF_TRAINING = ("_optimizer", "_loss", "_metrics", "_metrics_asked", "_metrics_for", "history")


def _remembered(model: "Sequential") -> Callable[[], None]:
    """A function that gives weights and layers the content that they have now."""
    layers = list(_with_inner(model.layers))
    weights = [(p, p.value.copy(), p.gradient.copy()) for p in model.parameters]
    attributes = [dict(vars(layer)) for layer in layers]
    arrays = [
        (value, value.copy())
        for known in attributes
        for value in known.values()
        if isinstance(value, np.ndarray) and value.flags.writeable
    ]

    def put_back() -> None:
        for layer, known in zip(layers, attributes, strict=True):
            vars(layer).update(known)  # never emptied: a layer may be in use in another model and thread
            for added in vars(layer).keys() - known.keys():
                del vars(layer)[added]
        for array, content in arrays:
            array[...] = content
        for p, value, gradient in weights:
            p.value[...], p.gradient[...] = value, gradient

    return put_back


def _with_inner(things: Iterable[Any], known: frozenset[int] = frozenset()) -> Iterator[Layer]:
    """The layers among some objects, and the layers inside these."""
    for thing in things:
        if isinstance(thing, (list, tuple)):
            yield from _with_inner(thing, known)
        elif isinstance(thing, Layer) and id(thing) not in known:
            yield thing
            yield from _with_inner(vars(thing).values(), known | {id(thing)})
