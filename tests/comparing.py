"""Comparing arrays, and arrays that notice what a kernel does outside them."""

from contextlib import contextmanager

import numpy as np

TOLERANCE = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}
_CANARY = 0xFF  # in every byte: NaN for floats, so that what is read by mistake shows too
_MARGIN = 1024  # bytes on either side


def assert_close(got, expected, magnitude=None, tolerance=None):
    """|got - expected| <= tolerance magnitude for each element; NaN and infinities where they are expected, only there.

    `magnitude` is what rounding errors are in proportion to: |expected| unless given. For a sum that is the sum of its
    terms' absolute values: where terms cancel, no order of adding them can do better. Below the smallest normal number
    results may be rounded to 0.
    """
    got, expected = np.asarray(got), np.asarray(expected, np.float64)
    assert got.shape == expected.shape
    tolerance = TOLERANCE[got.dtype] if tolerance is None else tolerance
    magnitude = np.broadcast_to(np.abs(expected if magnitude is None else magnitude), got.shape)
    with np.errstate(over="ignore"):  # what is too large for float32 is infinite there
        rounded = expected.astype(got.dtype)
    special = ~np.isfinite(rounded) | ~np.isfinite(got)
    np.testing.assert_array_equal(got[special], rounded[special])
    error = np.abs(got[~special].astype(np.float64) - expected[~special])
    allowed = tolerance * magnitude[~special] + float(np.finfo(got.dtype).tiny)
    if not (error <= allowed).all():
        worst = np.argmax(error / allowed)
        where = tuple(int(i[worst]) for i in np.nonzero(~special))
        raise AssertionError(
            f"at {where}: got {got[where]!r}, expected {expected[where]!r}, an error of {error[worst]:.3g} "
            f"where {allowed[worst]:.3g} is allowed; {np.count_nonzero(error > allowed)} of {error.size} are too far"
        )


def assert_same_bits(got, expected):
    """Bit by bit equal, the sign of zeros included."""
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    np.testing.assert_array_equal(got.view(f"u{got.itemsize}"), expected.view(f"u{got.itemsize}"))


@contextmanager
def canaries():
    """Gives `place(array)`, a copy with canaries before and after it, which must be alive at the end.

    With `place(array, kept=True)` the copy itself must be as it was, too: for what a kernel only reads. The copy begins
    one element after a multiple of 64 bytes: kernels count on no alignment.
    """
    placed = []

    def place(array, kept=False):
        array = np.ascontiguousarray(array)
        raw = np.full(array.nbytes + 2 * _MARGIN + 64, _CANARY, np.uint8)
        begin = _MARGIN + (-raw.ctypes.data - _MARGIN) % 64 + array.itemsize
        copy = raw[begin : begin + array.nbytes].view(array.dtype).reshape(array.shape)
        copy[...] = array
        placed.append((raw, begin, begin + array.nbytes, array.copy() if kept else None, copy))
        return copy

    yield place
    for raw, begin, end, before, copy in placed:
        assert (raw[:begin] == _CANARY).all(), f"wrote before an array of shape {copy.shape}"
        assert (raw[end:] == _CANARY).all(), f"wrote after an array of shape {copy.shape}"
        if before is not None:
            np.testing.assert_array_equal(copy, before, "changed what it may only read")


def exact(*arrays):
    """Float arrays as float64, so that a reference's own rounding errors do not count; integers as they are."""
    results = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays]
    return results[0] if len(results) == 1 else results
