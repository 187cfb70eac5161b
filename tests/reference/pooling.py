"""Pooling, channels last: window by window, each cut out of x.

B batch, H x W pixels of C channels, P x Q windows: x and dx (B, H, W, C), y and dy (B, P, Q, C); the global ones give
(B, C). Windows of `size`, `strides` apart. "valid": inside x. "same": one for each stride, the first of which begins so
far before x that as many pixels are missing before x as behind it, or one less; what is cut off does not count.
"""

from collections.abc import Iterator

import numpy as np

Pair = tuple[int, int]


def _axis(pixels: int, size: int, stride: int, padding: str) -> list[slice]:
    """The pixels of each window along one axis."""
    if padding == "valid":
        return [slice(start, start + size) for start in range(0, pixels - size + 1, stride)]
    windows = -(-pixels // stride)
    missing = max(0, (windows - 1) * stride + size - pixels)
    starts = [i * stride - missing // 2 for i in range(windows)]
    return [slice(max(0, start), min(pixels, start + size)) for start in starts]


def _windows(x: np.ndarray, size: Pair, strides: Pair, padding: str) -> Iterator[tuple[int, int, slice, slice]]:
    for p, rows in enumerate(_axis(x.shape[1], size[0], strides[0], padding)):
        for q, columns in enumerate(_axis(x.shape[2], size[1], strides[1], padding)):
            yield p, q, rows, columns


def output_size(x: np.ndarray, size: Pair, strides: Pair, padding: str) -> Pair:
    """P, Q."""
    return tuple(len(_axis(*numbers, padding)) for numbers in zip(x.shape[1:3], size, strides, strict=True))


def max_pooling_forward(x: np.ndarray, size: Pair, strides: Pair, padding: str) -> np.ndarray:
    """y = the largest number of each window; NaN where there is one."""
    y = np.zeros((len(x), *output_size(x, size, strides, padding), x.shape[3]), x.dtype)
    for p, q, rows, columns in _windows(x, size, strides, padding):
        y[:, p, q] = x[:, rows, columns].max(axis=(1, 2))
    return y


def max_pooling_backward(dy: np.ndarray, x: np.ndarray, size: Pair, strides: Pair, padding: str) -> np.ndarray:
    """dx = the sum of the dy of all windows whose first largest number it is, row by row."""
    dx = np.zeros_like(x)
    samples, channels = np.ogrid[: len(x), : x.shape[3]]
    for p, q, rows, columns in _windows(x, size, strides, padding):
        window = x[:, rows, columns]
        place = window.reshape(len(x), -1, x.shape[3]).argmax(axis=1)
        r, c = np.unravel_index(place, window.shape[1:3])
        dx[samples, rows.start + r, columns.start + c, channels] += dy[:, p, q]
    return dx


def average_pooling_forward(x: np.ndarray, size: Pair, strides: Pair, padding: str) -> np.ndarray:
    """y = the mean of each window."""
    y = np.zeros((len(x), *output_size(x, size, strides, padding), x.shape[3]), x.dtype)
    for p, q, rows, columns in _windows(x, size, strides, padding):
        y[:, p, q] = x[:, rows, columns].mean(axis=(1, 2))
    return y


def average_pooling_backward(dy: np.ndarray, x: np.ndarray, size: Pair, strides: Pair, padding: str) -> np.ndarray:
    """dx = the sum over all windows that hold it of dy / the pixels of the window."""
    dx = np.zeros_like(x)
    for p, q, rows, columns in _windows(x, size, strides, padding):
        pixels = dx[0, rows, columns, 0].size
        dx[:, rows, columns] += dy[:, p, q, np.newaxis, np.newaxis] / pixels
    return dx


def global_max_forward(x: np.ndarray) -> np.ndarray:
    """y = the largest number of each channel; NaN where there is one."""
    return x.max(axis=(1, 2))


def global_max_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dx = dy in equal parts for all that are as large as the largest, as Keras has it, else 0."""
    largest = x == x.max(axis=(1, 2), keepdims=True)
    return largest * (dy[:, np.newaxis, np.newaxis] / largest.sum(axis=(1, 2), keepdims=True))


def global_average_forward(x: np.ndarray) -> np.ndarray:
    """y = the mean of each channel."""
    return x.mean(axis=(1, 2))


def global_average_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dx = dy / the pixels."""
    return np.broadcast_to(dy[:, np.newaxis, np.newaxis] / (x.shape[1] * x.shape[2]), x.shape)
