"""The convolution layer, channels last: a loop over the kernel's taps.

B batch, H x W input pixels of C channels, I x J taps of the kernel, P x Q output pixels of F filters: x (B, H, W, C),
w (I, J, C, F), b (F,), y and dy (B, P, Q, F). `borders` are the rows of zeros above and below and the columns left and
right of x: ((above, below), (left, right)).

Like all libraries' "convolution" this is a cross-correlation: the kernel is not turned. The gradients are derived in
Goodfellow, Bengio, Courville: Deep Learning (2016), section 9.5, https://www.deeplearningbook.org/contents/convnets.html.
"""

from collections.abc import Iterator

import numpy as np

Pair = tuple[int, int]
Borders = tuple[Pair, Pair]


def output_size(x: np.ndarray, w: np.ndarray, strides: Pair, dilation: Pair, borders: Borders) -> Pair:
    """P, Q: how often the kernel, spread by the dilation, fits into x with its borders."""
    (above, below), (left, right) = borders
    height, width = x.shape[1] + above + below, x.shape[2] + left + right
    window_height, window_width = dilation[0] * (w.shape[0] - 1) + 1, dilation[1] * (w.shape[1] - 1) + 1
    return (height - window_height) // strides[0] + 1, (width - window_width) // strides[1] + 1


def taps(w: np.ndarray, size: Pair, strides: Pair, dilation: Pair) -> Iterator[tuple[int, int, slice, slice]]:
    """Each tap (i, j) with the rows and columns of the padded x that it meets."""
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            top, left = i * dilation[0], j * dilation[1]
            rows = slice(top, top + strides[0] * (size[0] - 1) + 1, strides[0])
            yield i, j, rows, slice(left, left + strides[1] * (size[1] - 1) + 1, strides[1])


def conv_forward(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, strides: Pair, dilation: Pair, borders: Borders
) -> np.ndarray:
    """y[p, q] = b + sum over i, j of x[p s + i d, q s + j d] w[i, j], with s the strides and d the dilation."""
    size = output_size(x, w, strides, dilation, borders)
    padded_x = np.pad(x, ((0, 0), *borders, (0, 0)))
    y = np.zeros((len(x), *size, w.shape[3]), x.dtype)
    for i, j, rows, columns in taps(w, size, strides, dilation):
        y += padded_x[:, rows, columns] @ w[i, j]
    y += b
    return y


def conv_backward(
    dy: np.ndarray, x: np.ndarray, w: np.ndarray, strides: Pair, dilation: Pair, borders: Borders
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each tap's part of dx = dy w[i, j]^T and dw[i, j] = x^T dy; db = the sum of dy over all but the filters."""
    (above, _), (left, _) = borders
    padded_x = np.pad(x, ((0, 0), *borders, (0, 0)))
    padded_dx, dw = np.zeros_like(padded_x), np.zeros_like(w)
    for i, j, rows, columns in taps(w, dy.shape[1:3], strides, dilation):
        padded_dx[:, rows, columns] += dy @ w[i, j].T
        dw[i, j] = np.einsum("bpqc,bpqf->cf", padded_x[:, rows, columns], dy)
    dx = padded_dx[:, above : above + x.shape[1], left : left + x.shape[2]]
    return dx, dw, dy.sum(axis=(0, 1, 2))
