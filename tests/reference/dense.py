"""The dense (fully connected) layer.

B batch, I inputs, O outputs: x (B, I), w (I, O), b (O,), y and dy (B, O).

The gradients are derived in Goodfellow, Bengio, Courville: Deep Learning (2016),
section 6.5.6, https://www.deeplearningbook.org/contents/mlp.html.
"""

import numpy as np


def dense_forward(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """y = x w + b."""
    y = x @ w
    y += b
    return y


def dense_backward(dy: np.ndarray, x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dx = dy w^T, dw = x^T dy, db = the sum of dy over the batch."""
    return dy @ w.T, x.T @ dy, dy.sum(axis=0)
