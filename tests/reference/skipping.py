"""Which terms of a product are left when those that are zero are left out, for tiles of `tile` rows."""

import numpy as np


def elements_left(x: np.ndarray, tile: int) -> list[list[int]]:
    """For each tile of rows of x (B, I): the columns that are not zero in any of them."""
    return [np.flatnonzero((x[i : i + tile] != 0).any(axis=0)).tolist() for i in range(0, len(x), tile)]


def samples_left(x: np.ndarray, tile: int) -> list[list[int]]:
    """For each tile of columns of x (B, I): the rows that are not zero in any of them."""
    return elements_left(x.T, tile)
