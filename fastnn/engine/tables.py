"""Creates the interpreter's tables and buffers (`kernels/instructions.py`)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..kernels import instructions
from ..kernels.jit import JIT_ENABLED
from .parameters import Parameter, address, address_table

_NO_INTEGERS = np.zeros(0, np.int64)


def table(rows: Sequence[dict[str, Any]], dtype: np.dtype) -> np.ndarray:
    """A table from its rows; fields that are not given are 0."""
    result = np.zeros(len(rows), dtype)
    for record, fields in zip(result, rows, strict=True):
        for name, value in fields.items():
            record[name] = value
    # Outside the JIT a record's fields are attributes only in a recarray, which Numba is slower to recognise.
    return result if JIT_ENABLED else result.view(np.recarray)


def weight_table(
    parameters: Sequence[Parameter],
    dtype: np.dtype,
    gradients: Sequence[np.ndarray] | None = None,
    slots: Sequence[np.ndarray] = (),
    transposed: np.ndarray | None = None,
) -> instructions.Weights:
    """The addresses of weights, gradients and slots, (slots, size) per weight; the caller has to keep the arrays."""
    by_slot = [address_table([address(array) for array in arrays]) for arrays in zip(*slots, strict=True)]
    places = [p.gradient_address for p in parameters] if gradients is None else [address(g) for g in gradients]
    return instructions.Weights(
        values=address_table([p.address for p in parameters]),
        gradients=address_table(places),
        slots=np.stack(by_slot) if by_slot else address_table([]).reshape(0, 0),
        transposed=np.zeros(0, dtype) if transposed is None else transposed,
        clock=_NO_INTEGERS,
        timed=address_table([]),
    )


def empty_batch(dtype: np.dtype, **arrays: np.ndarray) -> instructions.Batch:
    """The buffers of a batch: the given ones, and empty ones of the right types for the others."""
    flat = np.zeros(0, dtype)
    empty = dict.fromkeys(instructions.Batch._fields, flat)
    empty |= dict.fromkeys(("labels", "tables", "marks"), _NO_INTEGERS)
    empty |= {
        "divisor": np.ones(1),
        "sums": np.zeros(0),
        "scratch": np.zeros((0, 0), dtype),
        "terms": np.zeros((0, 0), np.int16),
    }
    empty["lists"] = np.zeros(0, np.int32)
    return instructions.Batch(**empty | arrays)


def empty_data(dtype: np.dtype) -> instructions.Data:
    """Data without samples, of the types that all runs have."""
    arrays = [np.zeros((0, 0), np.uint8), np.zeros((0, 0), dtype)]
    arrays += [np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, dtype)]
    arrays += [np.zeros(0, np.int64), np.zeros((0, 0), dtype), np.zeros(0, dtype)]
    for array in arrays:
        array.flags.writeable = False
    return instructions.Data(*arrays, np.zeros((0, 0), dtype), np.zeros(0, np.int64))


def plan_of(**fields: Any) -> instructions.Plan:
    """A plan from its fields; tables are lists of dicts of their records' fields, and empty if not given."""
    types = {"code": instructions.INSTRUCTION, "parameters": instructions.PARAMETER, "stages": instructions.STAGE}
    tables = {name: table(fields.pop(name, []), dtype) for name, dtype in types.items()}
    numbers = dict.fromkeys(instructions.Plan._fields[len(tables) + 1 :], 0)
    return instructions.Plan(**tables, **{"means": _NO_INTEGERS} | numbers | fields)
