"""The dense layer on a sparse matrix, entry by entry.

x (B, I) in the CSR format: row i has the entries from indptr[i] to indptr[i + 1], their columns in `indices` and their
`values`. w (I, O), b (O,), y and dy (B, O).

The format is described in Saad, Iterative Methods for Sparse Linear Systems (2003), section 3.4,
https://www-users.cse.umn.edu/~saad/IterMethBook_2ndEd.pdf.
"""

import numpy as np


def sparse_forward(
    indptr: np.ndarray, indices: np.ndarray, values: np.ndarray, w: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """y = x w + b."""
    y = np.tile(b, (len(indptr) - 1, 1))
    for i in range(len(y)):
        for e in range(indptr[i], indptr[i + 1]):
            y[i] += values[e] * w[indices[e]]
    return y


def sparse_backward_kernel(
    dy: np.ndarray, indptr: np.ndarray, indices: np.ndarray, values: np.ndarray, inputs: int
) -> np.ndarray:
    """dw = x^T dy."""
    dw = np.zeros((inputs, dy.shape[1]), dy.dtype)
    for i in range(len(dy)):
        for e in range(indptr[i], indptr[i + 1]):
            dw[indices[e]] += values[e] * dy[i]
    return dw
