"""Counter-based random numbers: a number is a function of its position, so no generator state is kept or shared.

A mask drawn for (seed, step, sample, unit) is the same for any number of threads, and backward can draw it again
instead of storing it.
"""

import numpy as np

from .elementary import log
from .jit import by_precision, fma, jit_inline

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@jit_inline
def splitmix64(counter):
    """64 random bits, number `counter` of SplitMix64 (Steele, Lea & Flood 2014, doi.org/10.1145/2660193.2660195)."""
    z = np.uint64(counter) * _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))


@jit_inline
def lowbias32(x):
    """32 random bits from a 32-bit counter: Chris Wellons' hash "lowbias32" (nullprogram.com/blog/2018/07/31)."""
    x = np.uint32(x)
    x = np.uint32(x ^ np.uint32(x >> np.uint32(16)))
    x = np.uint32(x * np.uint32(0x7FEB352D))
    x = np.uint32(x ^ np.uint32(x >> np.uint32(15)))
    x = np.uint32(x * np.uint32(0x846CA68B))
    return np.uint32(x ^ np.uint32(x >> np.uint32(16)))


@jit_inline
def row_key(seed, step, sample):
    """A 64-bit key of one sample in one step."""
    return splitmix64(splitmix64(splitmix64(np.uint64(seed)) ^ np.uint64(step)) ^ np.uint64(sample))


@jit_inline
def unit_bits(key, unit):
    """32 random bits for one unit of the row with this key."""
    low = np.uint32(key & np.uint64(0xFFFFFFFF))
    high = np.uint32(key >> np.uint64(32))
    return lowbias32(np.uint32(lowbias32(np.uint32(np.uint32(unit) ^ low)) + high))


@jit_inline
def below(bits, n):
    """A number in [0, n) from 64 random bits, for n < 2^32 (Lemire 2019, doi.org/10.1145/3230636)."""
    return np.int64(((bits >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


_CENTRE: tuple[float, ...] = (2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087)
_CENTRE += (-0.00125372503, -0.00417768164, 0.246640727, 1.50140941)
_TAIL: tuple[float, ...] = (-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773)
_TAIL += (-0.0076224613, 0.00943887047, 1.00167406, 2.83297682)


def _normal(real):
    """A standard normal number from a uniform one: sqrt(2) erfinv(u) (Giles 2010, "Approximating the erfinv")."""
    centre, tail = tuple(real(c) for c in _CENTRE), tuple(real(c) for c in _TAIL)
    one, five, three, sqrt2 = real(1), real(5), real(3), real(np.sqrt(2))
    centre_offset = real(2.5)

    @jit_inline
    def normal(u):
        """`u` is uniform in (-1, 1)."""
        w = -log((one - u) * (one + u))
        central = w < five
        t = w - centre_offset if central else np.sqrt(w) - three
        p = centre[0] if central else tail[0]
        for c, d in zip(centre[1:], tail[1:]):
            p = fma(p, t, c if central else d)
        return sqrt2 * p * u

    return normal


normal = by_precision(_normal(np.float32), _normal(np.float64))
