"""The state of an estimator as plain data, which pickle and skops keep without trusting any class of fastnn's.

Networks become the bytes of model files, and other objects what a model file says of them. What has classes or
functions of the user's own stays as it is: pickle imports them.
"""

from typing import Any

import numpy as np

from ..configured import Configured, decode, describe, encode
from ..models import Sequential
from ..saving.load import model_from_bytes
from ..saving.save import model_to_bytes

# The keys of the dicts that stand for networks and for other objects.
_MODEL, _OBJECT = "fastnn model", "fastnn object"


def to_plain(value: Any) -> Any:
    """A network, another object of fastnn's, or a list, tuple or dict of such, as plain data; others as they are."""
    if type(value) in (list, tuple):
        return type(value)(map(to_plain, value))
    if type(value) is dict:
        return {key: to_plain(item) for key, item in value.items()}
    try:
        if isinstance(value, Sequential):
            compiled = [] if value.loss is None else [value.optimizer, value.loss, value._metrics_asked]
            if _has_own_classes_only([describe(value), encode(compiled, "the model")]):
                return {_MODEL: np.frombuffer(model_to_bytes(value), np.uint8)}
        elif isinstance(value, Configured) and _has_own_classes_only(description := describe(value)):
            return {_OBJECT: description}
    except ValueError:  # something that no file can describe
        pass
    return value


def from_plain(value: Any) -> Any:
    """The inverse of `to_plain`."""
    if type(value) in (list, tuple):
        return type(value)(map(from_plain, value))
    if type(value) is not dict:
        return value
    if _MODEL in value:
        return model_from_bytes(value[_MODEL].tobytes())
    if _OBJECT in value:
        return decode(value[_OBJECT])
    return {key: from_plain(item) for key, item in value.items()}


def _has_own_classes_only(value: Any) -> bool:
    """Whether a description names fastnn's classes only, and no functions."""
    if isinstance(value, list):
        return all(map(_has_own_classes_only, value))
    if not isinstance(value, dict):
        return True
    users_class = "class_name" in value and value.get("module", "") is None
    function = value.get("class_name") == "__function__"
    return not (users_class or function) and all(map(_has_own_classes_only, value.values()))
