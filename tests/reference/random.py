"""The mixing functions behind the counter-based random numbers.

Arithmetic on NumPy's unsigned arrays is modulo 2^64 or 2^32.
"""

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
