"""Activation functions and their gradients, all computed from the output y, so that the input need not be kept.

x, y, dx and dy are flat, of any size; y may be x and dx may be dy. Softmax takes rows: B batch, C classes.
"""

from .elementary import exp, logistic, tanh
from .jit import jit, jit_row_sum


@jit
def relu_forward(y, x):
    """y = max(x, 0); a NaN stays one."""
    zero = x.dtype.type(0)
    for i in range(x.size):
        y[i] = zero if x[i] < zero else x[i]


@jit
def relu_backward(dx, dy, y):
    """dx = dy where y > 0, else 0."""
    zero = y.dtype.type(0)
    for i in range(y.size):
        dx[i] = dy[i] if y[i] > zero else zero


@jit
def leaky_relu_forward(y, x, negative_slope):
    """y = x where x >= 0, else negative_slope x."""
    zero, slope = x.dtype.type(0), x.dtype.type(negative_slope)
    for i in range(x.size):
        y[i] = x[i] * slope if x[i] < zero else x[i]


@jit
def leaky_relu_backward(dx, dy, y, negative_slope):
    """dx = dy where y >= 0, else negative_slope dy; y has the sign of x, because the slope is positive."""
    zero, slope = y.dtype.type(0), y.dtype.type(negative_slope)
    for i in range(y.size):
        dx[i] = dy[i] * slope if y[i] < zero else dy[i]


@jit
def sigmoid_forward(y, x):
    """y = 1 / (1 + exp(-x))."""
    for i in range(x.size):
        y[i] = logistic(x[i])


@jit
def sigmoid_backward(dx, dy, y):
    """dx = dy y (1 - y)."""
    one = y.dtype.type(1)
    for i in range(y.size):
        dx[i] = dy[i] * y[i] * (one - y[i])


@jit
def tanh_forward(y, x):
    """y = tanh(x)."""
    for i in range(x.size):
        y[i] = tanh(x[i])


@jit
def tanh_backward(dx, dy, y):
    """dx = dy (1 - y^2)."""
    one = y.dtype.type(1)
    for i in range(y.size):
        dx[i] = dy[i] * (one - y[i] * y[i])


@jit_row_sum
def softmax_row(y, x, classes):
    """y[C] = exp(x) / sum exp(x), the maximum subtracted first; returns that maximum and that sum."""
    largest = x[0]
    for j in range(1, classes):
        largest = x[j] if x[j] > largest else largest
    total = x.dtype.type(0)
    for j in range(classes):
        e = exp(x[j] - largest)
        y[j] = e
        total += e
    factor = x.dtype.type(1) / total
    for j in range(classes):
        y[j] *= factor
    return largest, total


@jit
def softmax_forward(y, x, classes):
    """y[B, C] = exp(x) / sum exp(x), row by row."""
    for i in range(x.shape[0]):
        softmax_row(y[i], x[i], classes)


@jit_row_sum
def softmax_backward(dx, dy, y, classes):
    """dx[B, C] = y (dy - sum dy y), row by row."""
    zero = y.dtype.type(0)
    for i in range(y.shape[0]):
        total = zero
        for j in range(classes):
            total += dy[i, j] * y[i, j]
        for j in range(classes):
            dx[i, j] = y[i, j] * (dy[i, j] - total)
        for j in range(classes, dx.shape[1]):
            dx[i, j] = zero
