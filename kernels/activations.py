"""Activation functions and their gradients, in place and computed from the output: no input is kept.

Forward: `y` holds x before and y after. Backward: `dx` holds dy before and dx after. Both are flat, of any size;
softmax takes rows: B batch, C classes. In place is not only half the memory: LLVM vectorises a loop over two arrays
only where they do not overlap.
"""

from .elementary import exp, logistic, tanh
from .jit import jit


@jit
def relu_forward(y):
    """y = max(x, 0); a NaN stays one."""
    zero = y.dtype.type(0)
    for i in range(y.size):
        y[i] = zero if y[i] < zero else y[i]


@jit
def relu_backward(dx, y):
    """dx = dy where y > 0, else 0."""
    zero = y.dtype.type(0)
    for i in range(y.size):
        dx[i] = dx[i] if y[i] > zero else zero


@jit
def leaky_relu_forward(y, negative_slope):
    """y = x where x >= 0, else negative_slope x."""
    zero, slope = y.dtype.type(0), y.dtype.type(negative_slope)
    for i in range(y.size):
        y[i] = y[i] * slope if y[i] < zero else y[i]


@jit
def leaky_relu_backward(dx, y, negative_slope):
    """dx = dy where y >= 0, else negative_slope dy; y has the sign of x, because the slope is positive."""
    zero, slope = y.dtype.type(0), y.dtype.type(negative_slope)
    for i in range(y.size):
        dx[i] = dx[i] * slope if y[i] < zero else dx[i]


@jit
def sigmoid_forward(y):
    """y = 1 / (1 + exp(-x))."""
    for i in range(y.size):
        y[i] = logistic(y[i])


@jit
def sigmoid_backward(dx, y):
    """dx = dy y (1 - y)."""
    one = y.dtype.type(1)
    for i in range(y.size):
        dx[i] = dx[i] * y[i] * (one - y[i])


@jit
def tanh_forward(y):
    """y = tanh(x)."""
    for i in range(y.size):
        y[i] = tanh(y[i])


@jit
def tanh_backward(dx, y):
    """dx = dy (1 - y^2)."""
    one = y.dtype.type(1)
    for i in range(y.size):
        dx[i] = dx[i] * (one - y[i] * y[i])


@jit
def softmax_row(y, classes):
    """y[C] = exp(x) / sum exp(x), the maximum subtracted first; returns that maximum and that sum."""
    largest = y[0]
    for j in range(1, classes):
        largest = y[j] if y[j] > largest else largest
    total = y.dtype.type(0)
    for j in range(classes):
        e = exp(y[j] - largest)
        y[j] = e
        total += e
    factor = y.dtype.type(1) / total
    for j in range(classes):
        y[j] *= factor
    return largest, total


@jit
def softmax_forward(y, classes):
    """y[B, C] = exp(x) / sum exp(x), row by row."""
    for i in range(y.shape[0]):
        softmax_row(y[i], classes)


@jit
def softmax_backward(dx, y, classes):
    """dx[B, C] = y (dy - sum dy y), row by row."""
    for i in range(y.shape[0]):
        total = y.dtype.type(0)
        for j in range(classes):
            total += dx[i, j] * y[i, j]
        for j in range(classes):
            dx[i, j] = y[i, j] * (dx[i, j] - total)
