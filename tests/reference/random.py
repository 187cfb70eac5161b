"""The mixing functions behind the counter-based random numbers.

Arithmetic on NumPy's unsigned arrays is modulo 2^64 or 2^32.
"""

import math
from statistics import NormalDist

import numpy as np


def splitmix64(state: np.ndarray) -> np.ndarray:
    """The state-th output of SplitMix64 seeded with 0, of uint64 counters (from 1).

    The generator adds 0x9E3779B97F4A7C15 to its state at each step and returns mix64 of it.
    Source: Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (2014),
    https://doi.org/10.1145/2660193.2660195, with the constants of
    https://prng.di.unimi.it/splitmix64.c.
    """
    with np.errstate(over="ignore"):
        z = np.asarray(state, np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def lowbias32(x: np.ndarray) -> np.ndarray:
    """A bijection of uint32 that flips each output bit with probability close to 1/2.

    Source: Wellons: hash-prospector, https://github.com/skeeto/hash-prospector,
    the function lowbias32.
    """
    with np.errstate(over="ignore"):
        x = np.asarray(x, np.uint32)
        x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
        x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def unit_bits(seed: int, step: int, samples: np.ndarray, units: np.ndarray) -> np.ndarray:
    """The 32 random bits of each unit (F,) of each sample (B,) in a step of training, as uint32 (B, F).

    SplitMix64 turns seed, step and sample into 64 bits; the one half enters lowbias32 with the unit's number, the other
    is added before a second round of it.
    """
    with np.errstate(over="ignore"):
        key = splitmix64(splitmix64(seed) ^ np.uint64(step))
        keys = splitmix64(key ^ np.asarray(samples, np.uint64))[:, np.newaxis]
        low, high = (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32), (keys >> np.uint64(32)).astype(np.uint32)
        return lowbias32(lowbias32(np.asarray(units, np.uint32) ^ low) + high)


def normal(u: np.ndarray) -> np.ndarray:
    """The standard normal numbers whose distribution function is at (1 + u) / 2, for u in (-1, 1).

    Source: Wichura: Algorithm AS 241 (1988), which Python's own statistics.NormalDist uses.
    """
    quantile = NormalDist().inv_cdf
    # From the nearer end of (0, 1), where (1 - |u|) / 2 is exact and 1 - that is not.
    values = [-math.copysign(1, v) * quantile((1 - abs(v)) / 2) for v in np.ravel(u).tolist()]
    return np.reshape(values, np.shape(u))
