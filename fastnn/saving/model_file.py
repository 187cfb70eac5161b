"""safetensors files: the names of the weights in them, and errors that say in one line what is wrong."""

import contextlib
import errno
import itertools
import json
import os
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .. import checks
from ..engine.parameters import Parameter
from ..files import written_whole
from ..layers.dropout import Noise
from ..layers.stack import Stack
from ..version import __version__

if TYPE_CHECKING:
    from ..models.sequential import Sequential

FORMAT = "1"

_TYPES = {"F32": "float32", "F64": "float64"}
_HEADER = 8  # bytes of the number at the start, the length of the header that follows


class ModelFile:
    """The content of a safetensors file, as `opened` yields it.

    Attributes:
        names: the names of all tensors.
        metadata: a dict of strings.
    """

    def __init__(self, content: bytes):
        from safetensors import deserialize

        tensors: Any = deserialize(content)  # type: ignore[no-untyped-call]  # which checks the whole file
        self._tensors: dict[str, Any] = dict(tensors)
        self.names: frozenset[str] = frozenset(self._tensors)
        header = content[_HEADER : _HEADER + int.from_bytes(content[:_HEADER], "little")]
        self.metadata: dict[str, str] = json.loads(header).get("__metadata__") or {}

    def check_format(self) -> None:
        """A ValueError if the file was written in a format that this version of fastnn does not know."""
        version = self.metadata.get("fastnn_format")
        if version != FORMAT:
            raise ValueError(f"fastnn_format in its metadata must be {FORMAT!r}, received {version!r}")

    def json(self, name: str, kind: type) -> Any:
        """An entry of the metadata, which must be a JSON object of type `kind`, dict or list."""
        try:
            value = json.loads(self.metadata[name])
        except KeyError:
            raise ValueError(f"{name!r} is missing in its metadata") from None
        except ValueError as error:
            raise ValueError(f"{name!r} in its metadata must be JSON: {error}") from error
        if not isinstance(value, kind):
            raise ValueError(
                f"{name!r} in its metadata must be a JSON {kind.__name__}, received {type(value).__name__}"
            )
        return value

    def check_tensor(self, name: str, shape: tuple[int, ...], dtypes: Iterable[str]) -> None:
        """A ValueError unless the file holds this tensor in this shape and one of these types; reads no data."""
        if name not in self.names:
            raise ValueError(f"tensor {name!r} of shape {shape} is missing")
        came, dtype = tuple(self._tensors[name]["shape"]), self._tensors[name]["dtype"]
        dtype = _TYPES.get(dtype, dtype)
        if came != shape or dtype not in dtypes:
            expected = " or ".join(dtypes)
            raise ValueError(f"tensor {name!r} must be {expected} of shape {shape}, received {dtype} of shape {came}")

    def tensor(self, name: str, shape: tuple[int, ...], *dtypes: str) -> np.ndarray:
        """A tensor of this shape and one of these types, as a new array."""
        self.check_tensor(name, shape, dtypes)
        tensor = self._tensors[name]
        return np.frombuffer(tensor["data"], _TYPES[tensor["dtype"]]).reshape(shape)

    def weight(self, name: str, shape: tuple[int, ...], *dtypes: str) -> np.ndarray:
        """`tensor`, checked to be finite; slots of optimizers need not be."""
        return checks.finite(self.tensor(name, shape, *dtypes), f"tensor {name!r}")


def same_names(came: Iterable[str], expected: Iterable[str], what: str) -> None:
    """A ValueError if the names differ, with some of the differences."""
    differences = []
    for names, word in ((set(expected) - set(came), "missing"), (set(came) - set(expected), "unexpected")):
        if names:
            some = ", ".join(map(repr, sorted(names)[:3]))
            differences.append(f"{word} {some}{f' and {len(names) - 3} more' if len(names) > 3 else ''}")
    if differences:
        raise ValueError(f"its {what} must be those of the model: {'; '.join(differences)}")


def check_distinct(names: Iterable[str], others: Iterable[str]) -> None:
    """A ValueError if two tensors of one file would have the same name."""
    if same := sorted(set(names) & set(others)):
        raise ValueError(f"two arrays of the model would be named {same[0]!r} in a file: give a layer another name")


def checked(model: Any) -> "Sequential":
    """`model`; a TypeError if it is not a Sequential."""
    if not isinstance(model, Stack):
        raise TypeError(f"model must be a fastnn.Sequential, received {model!r}")
    return cast("Sequential", model)


def require_built(model: Stack) -> None:
    """A ValueError for a model without weights."""
    if not model.built:
        raise ValueError(f"model {model.name} has no weights yet; give it an Input, or call model.build(input_shape)")


def noise_layers(model: Stack) -> list[Noise]:
    """The layers that count steps for their random numbers."""
    return [layer for layer in model.layers if isinstance(layer, Noise)]


def named_parameters(model: Stack) -> dict[str, Parameter]:
    """All weights of a model in order, by their names in a file."""
    named: dict[str, Parameter] = {}
    for layer in model.layers:
        names = weight_names(layer.name, [p.name for p in layer.parameters])
        check_distinct(named, names)
        named |= zip(names, layer.parameters, strict=True)
    return named


def weight_names(layer: str, weights: list[str]) -> list[str]:
    """`dense/kernel`, `dense/bias`; if two weights of a layer have the same name, `scale/weight`, `scale/weight_1`."""
    names: list[str] = []
    for weight in weights:
        tries = itertools.chain([weight], (f"{weight}_{i}" for i in itertools.count(1)))
        names.append(next(name for w in tries if (name := f"{layer}/{w}") not in names))
    return names


def slot_names(slot: int, named: Iterable[str]) -> list[str]:
    """The names of one of the optimizer's slots for the weights with these names."""
    return [f"optimizer/{slot}/{name}" for name in named]


def unnumbered(name: str) -> str:
    """`dense/kernel` for `dense_3/kernel`."""
    return re.sub(r"_[0-9]+/", "/", name, count=1)


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[ModelFile]:
    """Read the file at `path`; errors within the block become a ValueError that names the file.

    It is read and not mapped: while a file is mapped, a process that shortens it would end this one (SIGBUS).

    Raises:
        FileNotFoundError: if there is no such file.
    """
    from safetensors import SafetensorError

    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    if not path.is_file():
        raise ValueError(f"cannot load {path}: expected a safetensors file, received a folder or a device")
    try:
        yield ModelFile(path.read_bytes())
    except SafetensorError as error:
        raise ValueError(f"cannot load {path}: expected a complete safetensors file: {one_line(error)}") from error
    except MemoryError as error:
        raise ValueError(f"cannot load {path}: expected a file that fits in memory, received a larger one") from error
    except RecursionError as error:
        raise ValueError(f"cannot load {path}: its metadata is nested too deeply") from error
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"cannot load {path}: {one_line(error)}") from error


def one_line(error: Exception) -> str:
    """An error's message without line breaks and of limited length, because it may quote the file."""
    return textwrap.shorten(str(error), 500, placeholder=" ...")


def write(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Write a file completely, or leave an existing one unchanged.

    Raises:
        OSError: if it cannot be written.
    """
    content = encoded(tensors, metadata)  # safetensors' save_file would make it readable only for its owner
    with written_whole(path) as unfinished:
        unfinished.write_bytes(content)


def encoded(tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """The content of a file."""
    from safetensors.numpy import save

    metadata = {"fastnn_format": FORMAT, "fastnn_version": __version__} | metadata
    if (size := sum(map(len, metadata.values()))) > _MOST_METADATA:
        raise ValueError(
            f"the description of a model must be shorter than {_MOST_METADATA:,} characters, received {size:,}; "
            "it includes the arrays of initializers"
        )
    return _in_order(save(tensors, metadata))


def _in_order(content: bytes) -> bytes:
    """The content with its metadata in order, which safetensors writes in any: equal models have equal files."""
    data = _HEADER + int.from_bytes(content[:_HEADER], "little")
    header = json.loads(content[_HEADER:data])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _HEADER)
    return b"".join([len(text).to_bytes(_HEADER, "little"), text, memoryview(content)[data:]])


_MOST_METADATA = 50_000_000  # safetensors does not read headers of more than 100 million bytes
