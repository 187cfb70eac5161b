"""Activation functions and their gradients. Arrays are flat, of any size; softmax takes rows: B batch, C classes.

Most work in place, and their gradients are computed from the output, so that the input need not be kept. Forward: `y`
holds x before and y after. Backward: `dx` holds dy before and dx after. Working in place not only halves the memory:
LLVM vectorises a loop over two arrays only if it knows that they do not overlap.

GELU and SiLU take the same value for two x, so their gradients need x: they read and write different arrays, which must
not overlap.
"""

from . import elementary
from .arrays import matrix
from .elementary import exp, expm1_negative, logistic, normal, normal_distribution
from .factories import in_place, out_of_place
from .instructions import BACKWARD, FORWARD
from .jit import jit, jit_part
from .operations import operation

# Klambauer et al., "Self-Normalizing Neural Networks" (2017): chosen so that outputs are N(0, 1) if inputs are.
SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
_NORMAL_DENSITY = 0.39894228040143267794  # at 0: 1 / sqrt(2 pi)


@jit
def relu_forward(y):
    """y = max(x, 0); NaN stays NaN."""
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
    """dx = dy where y > 0, else negative_slope dy, also at 0; y has the sign of x, because the slope is positive."""
    zero, slope = y.dtype.type(0), y.dtype.type(negative_slope)
    for i in range(y.size):
        dx[i] = dx[i] * slope if y[i] <= zero else dx[i]


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
    """y = elementary.tanh(x)."""
    for i in range(y.size):
        y[i] = elementary.tanh(y[i])


@jit
def tanh_backward(dx, y):
    """dx = dy (1 - y^2)."""
    one = y.dtype.type(1)
    for i in range(y.size):
        dx[i] = dx[i] * (one - y[i] * y[i])


@jit
def elu_forward(y, alpha):
    """y = x where x > 0, else alpha (exp(x) - 1)."""
    zero, alpha = y.dtype.type(0), y.dtype.type(alpha)
    for i in range(y.size):
        y[i] = y[i] if y[i] > zero else alpha * expm1_negative(y[i])


@jit
def elu_backward(dx, y, alpha):
    """dx = dy where y > 0, else dy alpha exp(x) = dy (y + alpha); y has the sign of x, because alpha is positive."""
    zero, one, alpha = y.dtype.type(0), y.dtype.type(1), y.dtype.type(alpha)
    for i in range(y.size):
        dx[i] = dx[i] * (one if y[i] > zero else y[i] + alpha)


@jit
def selu_forward(y):
    """y = scale x where x > 0, else scale alpha (exp(x) - 1)."""
    zero, scale, depth = y.dtype.type(0), y.dtype.type(SELU_SCALE), y.dtype.type(SELU_SCALE * SELU_ALPHA)
    for i in range(y.size):
        y[i] = scale * y[i] if y[i] > zero else depth * expm1_negative(y[i])


@jit
def selu_backward(dx, y):
    """dx = dy scale where y > 0, else dy (y + scale alpha)."""
    zero, scale, depth = y.dtype.type(0), y.dtype.type(SELU_SCALE), y.dtype.type(SELU_SCALE * SELU_ALPHA)
    for i in range(y.size):
        dx[i] = dx[i] * (scale if y[i] > zero else y[i] + depth)


@jit
def softplus_forward(y):
    """y = log(1 + exp(x))."""
    for i in range(y.size):
        y[i] = elementary.softplus(y[i])


@jit
def softplus_backward(dx, y):
    """dx = dy (1 - exp(-y))."""
    for i in range(y.size):
        dx[i] = dx[i] * -expm1_negative(-y[i])


@jit
def exponential_forward(y):
    """y = exp(x)."""
    for i in range(y.size):
        y[i] = exp(y[i])


@jit
def exponential_backward(dx, y):
    """dx = dy y."""
    for i in range(y.size):
        dx[i] = dx[i] * y[i]


@jit
def hard_sigmoid_forward(y):
    """y = (x + 3) / 6, but at least 0 and at most 1."""
    real = y.dtype.type
    zero, one, three, sixth = real(0), real(1), real(3), real(1 / 6)
    for i in range(y.size):
        value = (y[i] + three) * sixth
        value = zero if value < zero else value
        y[i] = one if value > one else value


@jit
def hard_sigmoid_backward(dx, y):
    """dx = dy / 6 where 0 < y < 1, else 0."""
    real = y.dtype.type
    zero, one, sixth = real(0), real(1), real(1 / 6)
    for i in range(y.size):
        dx[i] = dx[i] * sixth if (y[i] > zero) & (y[i] < one) else zero


@jit
def gelu_forward(y, x):
    """y = x P(X < x) for a standard normal X (Hendrycks & Gimpel 2016); not its approximation by a tanh."""
    for i in range(y.size):
        y[i] = x[i] * normal_distribution(x[i])


@jit
def gelu_backward(dx, dy, x):
    """dx = dy (P(X < x) + x density(x))."""
    density = x.dtype.type(_NORMAL_DENSITY)
    for i in range(dx.size):
        below, bell = normal(x[i])
        dx[i] = dy[i] * (below + x[i] * (density * bell))


@jit
def silu_forward(y, x):
    """y = x / (1 + exp(-x)), also called swish."""
    zero, one = x.dtype.type(0), x.dtype.type(1)
    for i in range(y.size):
        e = exp(-abs(x[i]))  # at most 1, and exact also where exp(-x) would be infinite
        y[i] = x[i] * (e if x[i] < zero else one) / (one + e)


@jit
def silu_backward(dx, dy, x):
    """dx = dy s (1 + x (1 - s)), s = 1 / (1 + exp(-x))."""
    zero, one = x.dtype.type(0), x.dtype.type(1)
    for i in range(dx.size):
        e = exp(-abs(x[i]))
        large = one / (one + e)
        small = e * large
        s = small if x[i] < zero else large
        rest = large if x[i] < zero else small
        dx[i] = dy[i] * (s * (one + x[i] * rest))


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


# ---------------------------------------------------------------------------------------------------------------------
# Operations.


relu = in_place(relu_forward, relu_backward)
leaky_relu = in_place(leaky_relu_forward, leaky_relu_backward, numbers=1)  # its slope
sigmoid = in_place(sigmoid_forward, sigmoid_backward)
tanh = in_place(tanh_forward, tanh_backward)
elu = in_place(elu_forward, elu_backward, numbers=1)  # its alpha
selu = in_place(selu_forward, selu_backward)
softplus = in_place(softplus_forward, softplus_backward)
exponential = in_place(exponential_forward, exponential_backward)
hard_sigmoid = in_place(hard_sigmoid_forward, hard_sigmoid_backward)
gelu = out_of_place(gelu_forward, gelu_backward)
silu = out_of_place(silu_forward, silu_backward)


@jit_part
def _softmax_rows(flat, ins, i):
    """Sample i as rows of `ins.channels` numbers: a single row, or one for each pixel."""
    return matrix(flat, ins.y + i * ins.y_stride, ins.outputs // ins.channels, ins.channels)


@operation
def softmax(task, ins, weights, batch, data, span):
    """softmax: along the last axis of each sample."""
    for i in range(span.start, span.stop):
        y = _softmax_rows(batch.activations, ins, i)
        if task == FORWARD:
            softmax_forward(y, ins.channels)
        elif task == BACKWARD:
            softmax_backward(_softmax_rows(batch.gradients, ins, i), y, ins.channels)
