"""`Input`: the shape of a model's samples."""

from collections.abc import Mapping
from typing import Any, Never

from .. import checks, habits
from ..configured import Configured


class InputLayer(Configured, module="fastnn.layers"):
    """What `Input` returns: the shape of one sample, given to a model as its first element."""

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape

    def get_config(self) -> dict[str, Any]:
        """The shape with the batch as the first axis, as in Keras."""
        return {"batch_shape": [None, *self.shape]}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "InputLayer":
        """An `Input` from what `get_config` returned."""
        return Input(tuple(config["batch_shape"])[1:])

    def __repr__(self) -> str:
        return f"Input({self.shape})"


def Input(shape: tuple[int, ...] | list[int] | None = None, **unknown: Never) -> InputLayer:
    """The shape of one sample, without the batch: `Input((28, 28))`.

    Args:
        shape: positive integers; (features,), (length, channels) or (height, width, channels).
        unknown: none; arguments of Keras's that have no meaning here raise a TypeError.

    Raises:
        ValueError: if `shape` is not a sequence of positive integers.

    >>> model = fastnn.Sequential([fastnn.Input((28, 28)), fastnn.layers.Flatten(), fastnn.layers.Dense(10)])
    >>> model.input_shape, model.output_shape, model.count_params()
    ((None, 28, 28), (None, 10), 7850)
    """
    habits.refuse_arguments("Input()", unknown, lambda: ["shape"])
    if not isinstance(shape, (tuple, list)) or not shape:
        raise ValueError(f"shape must be a tuple of positive integers such as (28, 28), received {shape!r}")
    return InputLayer(tuple(checks.size(n, "shape") for n in shape))
