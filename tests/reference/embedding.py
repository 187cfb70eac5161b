"""Embeddings: rows of a table, looked up by integers among the inputs.

x (B, L) integers in [0, N), w (N, D), y and dy (B, L, D). In a categorical embedding x (B, F) holds integers in some
columns only; `tables` has (column, w) for each, and y (B, F - K + D_1 + ... + D_K) starts with the other columns.

A lookup is a product with one-hot rows (Guo & Berkhahn 2016, arxiv.org/abs/1604.06737, section 3), so the gradient of
the table is that of a dense layer on one-hot inputs: dw = one_hot^T dy.
"""

import numpy as np


def one_hot(x: np.ndarray, rows: int) -> np.ndarray:
    """(..., N) zeros with a one where x says."""
    return (np.asarray(x)[..., np.newaxis] == np.arange(rows)).astype(np.float64)


def embedding_forward(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """y[b, l] = w[x[b, l]]."""
    return one_hot(x, len(w)) @ w


def embedding_backward(dy: np.ndarray, x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """dx = 0, because nothing changes with an integer; dw[n] = the sum of dy over the lookups of n."""
    rows = one_hot(x, len(w)).reshape(-1, len(w))
    return np.zeros(x.shape), rows.T @ dy.reshape(len(rows), -1)


def categorical_forward(x: np.ndarray, tables: list[tuple[int, np.ndarray]]) -> np.ndarray:
    """The columns of x that have no table, then what the others look up."""
    others = np.delete(x, [column for column, _ in tables], axis=1)
    return np.concatenate([others, *(embedding_forward(x[:, column], w) for column, w in tables)], axis=1)


def categorical_backward(dy: np.ndarray, x: np.ndarray, tables: list[tuple[int, np.ndarray]]) -> tuple[np.ndarray, ...]:
    """dx, 0 for the columns with tables, and dw for each table."""
    named = [column for column, _ in tables]
    others = [column for column in range(x.shape[1]) if column not in named]
    dx = np.zeros(x.shape)
    dx[:, others] = dy[:, : len(others)]
    parts = np.split(dy[:, len(others) :], np.cumsum([w.shape[1] for _, w in tables])[:-1], axis=1)
    return dx, *(embedding_backward(part, x[:, c], w)[1] for (c, w), part in zip(tables, parts, strict=True))
