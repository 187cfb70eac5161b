"""Parameters of an estimator's parts: `model__units=128`, `optimizer__learning_rate=0.01`."""

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from .. import optimizers
from ..configured import arguments
from .building import builder


class NestedParameters:
    """Mixin before `BaseEstimator`: arguments of parts, of the function `model` or the optimizer, are parameters, too.

    `get_params(deep=True)` also has those that were not given, with the values that they have by default. A class whose
    own constructor takes no `**` has none of these parameters: it decides itself what it gives to the parts.
    """

    _tunable: ClassVar[tuple[str, ...]] = ("model", "optimizer")  # the parts

    def _take(self, given: Mapping[str, Any]) -> None:
        """Keep what the constructor was given beyond its named arguments."""
        for name in given:
            if self._part(name) is None:
                raise TypeError(f"{type(self).__name__}.__init__() got an unexpected keyword argument {name!r}")
        self._arguments = dict(given)  # private, as scikit-learn's checks want it of what is no named parameter

    def _given(self, part: str) -> dict[str, Any]:
        """The arguments that were given for a part."""
        start = f"{part}__"
        return {name.removeprefix(start): value for name, value in self._arguments.items() if name.startswith(start)}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name.

        Args:
            deep: whether also those arguments of `model` and `optimizer` that have their default values.
        """
        params: dict[str, Any] = super().get_params(deep)  # type: ignore[misc]  # BaseEstimator's
        if not self._is_open():
            return params
        for part in self._tunable if deep else ():
            for name, default in (defaults(part, getattr(self, part)) or {}).items():
                params[f"{part}__{name}"] = default
        return params | self._arguments

    def set_params(self, **params: Any) -> Any:
        """Set parameters by name; returns the estimator.

        Where `model` or `optimizer` is replaced, arguments go that the new one does not have.

        Args:
            **params: values by the names that `get_params` returns.

        Raises:
            ValueError: for a name that there is not.
        """
        nested = {name: value for name, value in params.items() if self._part(name)}
        if nested and not self._is_open():
            name = next(iter(nested))
            raise ValueError(
                f"Invalid parameter {name!r} for estimator {type(self).__name__}: expected one of "
                f"{sorted(self.get_params())}"
            )
        super().set_params(**{name: value for name, value in params.items() if name not in nested})  # type: ignore[misc]
        for part in set(params).intersection(self._tunable):
            for argument in self._given(part):
                if not has_argument(part, getattr(self, part), argument):
                    self._arguments = {k: v for k, v in self._arguments.items() if k != f"{part}__{argument}"}
        for name in nested:
            part, _, argument = name.partition("__")
            check_argument(part, getattr(self, part), argument)
        self._arguments = self._arguments | nested
        return self

    @classmethod
    def _is_open(cls) -> bool:
        """Whether the constructor takes arguments of parts."""
        return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(cls).parameters.values())

    def _part(self, name: str) -> str | None:
        """The part that has the parameter `name`; None for a parameter of the estimator itself."""
        part, separator, rest = name.partition("__")
        return part if separator and rest and part in self._tunable else None


def defaults(part: str, value: Any) -> dict[str, Any] | None:
    """The arguments that a part has, with their default values; None for what is no such part."""
    if part == "optimizer":
        try:
            optimizer = optimizers.get(value)
        except ValueError:
            return None
        return {name: optimizer._argument(name) for name in arguments(type(optimizer)) if hasattr(optimizer, name)}
    if not (value is None or callable(value)):
        return None
    return {p.name: None if p.default is p.empty else p.default for p in _signature(value)[2:] if p.kind in _BY_NAME}


_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def _signature(model: Any) -> list[inspect.Parameter]:
    """The parameters of the function that builds a network; the first two are the shapes of the data."""
    try:
        function = builder(model)
        return [] if function is None else list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # of a function that is not Python's
        return []


def has_argument(part: str, value: Any, name: str) -> bool:
    """Whether the part `value` has an argument of this name; what is no such part, and `fit` will refuse, has any."""
    known = defaults(part, value)
    anything = part == "model" and any(p.kind is p.VAR_KEYWORD for p in _signature(value))
    return known is None or name in known or anything


def check_argument(part: str, value: Any, name: str) -> None:
    """A ValueError unless the part `value` has an argument of this name."""
    if not has_argument(part, value, name):
        known = defaults(part, value) or {}
        hint = "; only a function that builds a network has some" if part == "model" and not known else ""
        raise ValueError(
            f"Invalid parameter {f'{part}__{name}'!r}: expected an argument of {part}, {value!r}, which are "
            f"{list(known)}, received {name!r}{hint}"
        )
