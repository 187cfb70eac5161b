"""Attributes that hold a constructor's arguments, so that what runs may trust them.

    class Dropout(Noise):
        rate = within(0, 1, open_high=True)  # may be set at any time: it is checked, and counts from the next call on

    class Dense(KernelAndBias):
        units = Fixed[int]()  # determines shapes: once set, it stays

They stand in the object's `__dict__` like any attribute, so reading them costs nothing. A program remembers the
`settings_of` what it was made for, and is made anew when one of them has been set. It looks only if `changes.count`
has grown.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

import numpy as np

from . import checks, habits
from .configured import Configured, arguments

T = TypeVar("T")


class _Attribute(Generic[T]):
    """What both kinds share: their name, and for type checkers the type of the value."""

    def __set_name__(self, owner: Any, name: str) -> None:
        self.name = name

    if TYPE_CHECKING:  # at run time the instance's __dict__ has the value

        @overload
        def __get__(self, owner: None, kind: type) -> Self: ...
        @overload
        def __get__(self, owner: Any, kind: type) -> T: ...
        def __get__(self, owner: Any, kind: type) -> Any: ...


class _Changes:
    """How often any setting of any object was set."""

    count = 0


changes = _Changes()


class Setting(_Attribute[T]):
    """An attribute that may be set at any time.

    Args:
        check: gives the value to keep for a value and the attribute's name, or raises a TypeError or ValueError.
    """

    def __init__(self, check: Callable[[Any, str], T]):
        self.check = check

    def __set_name__(self, owner: Any, name: str) -> None:
        super().__set_name__(owner, name)
        owner._settings = (*owner._settings, name)

    def __set__(self, owner: Any, value: Any) -> None:
        checked, values = self.check(value, owner._called(self.name)), vars(owner)
        new = self.name in values  # the first time, in the constructor, is no change
        values[self.name] = checked
        changes.count += new  # after it has changed: another thread may look in between


class Fixed(_Attribute[T]):
    """An attribute that others depend on, such as the shapes of weights.

    It cannot be changed in a layer that is built, nor in an object of another kind once the constructor has set it.
    """

    def __set__(self, owner: Any, value: Any) -> None:
        values = vars(owner)
        if self.name in values and getattr(owner, "built", True) and not _same(values[self.name], value):
            raise AttributeError(
                f"{owner._called(self.name)} cannot be changed to {value!r} any more: this {type(owner).__name__} was "
                f"made for {values[self.name]!r}; create a new one"
            )
        values[self.name] = value


def _same(old: Any, new: Any) -> bool:
    return old is new or (isinstance(new, (bool, int, float, str, tuple, list, np.dtype)) and bool(old == new))


class Guarded(Configured, abstract=True):
    """A base class that refuses to set what nearly is an attribute's name, because nothing would read it.

    Not for layers and initializers, because making a layer would take half as long again: `fit` checks layers.
    """

    _settable: tuple[str, ...] = ()  # what users may set besides `_settings` and the constructor's arguments

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; a user's class may have any."""
        if name not in self.__dict__ and self._own and not name.startswith("_") and not hasattr(type(self), name):
            known = (*self._settable, *self._settings, *arguments(type(self)))
            habits.refuse_unread(type(self), name, known)
        object.__setattr__(self, name, value)  # `super()` would take as long as all the rest


def within(low: float = -math.inf, high: float = math.inf, open_high: bool = False) -> Setting[float]:
    """A number in [low, high], or in [low, high) with `open_high`."""
    return Setting(partial(checks.number, low=low, high=high, open_high=open_high))


def switch() -> Setting[bool]:
    """True or False."""
    return Setting(lambda value, argument: bool(value))


def optional(check: Callable[..., T], *limits: Any) -> Setting[T | None]:
    """None, or what `check(value, argument, *limits)` gives."""
    return Setting(lambda value, argument: None if value is None else check(value, argument, *limits))


def settings_of(thing: Any) -> tuple[object, ...]:
    """The values of an object's settings; none of None."""
    return () if thing is None else tuple([getattr(thing, name) for name in type(thing)._settings])
