"""What an optimizer keeps for each weight that it has trained: slots, arrays of the weight's shape."""

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..engine.parameters import Parameter, aligned_zeros


class Slots:
    """The slots of all weights: `count` of the optimizer's equation, then one for averages if `averaged`.

    Attributes:
        count, averaged: how many there are; what is set later, such as momentum, changes it for all weights.
        made: how often slots were allocated. Programs hold their addresses.
    """

    def __init__(self) -> None:
        self.count, self.averaged, self.made = 0, False, 0
        # (slots, size) for each weight; an entry is dropped when its weight is freed.
        self._arrays: WeakKeyDictionary[Parameter, np.ndarray] = WeakKeyDictionary()

    def __len__(self) -> int:
        return self.count + self.averaged

    def __contains__(self, parameter: Parameter) -> bool:
        return parameter in self._arrays

    def make(self, missing: Iterable[Parameter], count: int, averaged: bool, start: float) -> None:
        """Make the slots of the weights that have none, and other numbers of them for all weights; averages are last.

        Args:
            missing: the weights that have none.
            count: how many slots of the equation there shall be; those that are there already are kept.
            averaged: whether one for averages follows.
            start: the initial value of the equation's slots. An average begins with its weight.
        """
        others = [] if (count, averaged) == (self.count, self.averaged) else list(self._arrays)
        made = {}
        for p in [*others, *missing]:
            slots = made[p] = _zeros(count + averaged, p)
            slots[...] = start
            if averaged:
                slots[-1] = p.flat
            if p in self._arrays:
                kept, old = min(self.count, count), self._arrays[p]
                slots[:kept] = old[:kept]
                if averaged and self.averaged:
                    slots[-1] = old[-1]
        self._arrays.update(made)
        self.count, self.averaged, self.made = count, averaged, self.made + 1

    def arrays(self, parameters: Iterable[Parameter]) -> list[np.ndarray]:
        """The memory (slots, size) of each of these weights."""
        return [self._arrays[p] for p in parameters]

    def views(self, parameter: Parameter) -> list[np.ndarray]:
        """The slots of one weight in its shape; an empty list if it has none."""
        return [parameter.view_in(slots) for slots in self._arrays.get(parameter, ())]

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: with their weights, without padding."""
        return vars(self) | {"_arrays": [(p, [slot.copy() for slot in self.views(p)]) for p in self._arrays]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._arrays = WeakKeyDictionary()
        for p, values in state["_arrays"]:
            self._arrays[p] = _zeros(len(values), p)
            for view, value in zip(self.views(p), values, strict=True):
                view[...] = value


def _zeros(slots: int, p: Parameter) -> np.ndarray:
    return aligned_zeros(slots * p.size, p.dtype).reshape(slots, p.size)
