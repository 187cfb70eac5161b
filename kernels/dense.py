"""The dense layer: y = x w + b, its gradients, and the copy of w that the input gradient reads.

B batch, I inputs, O outputs. Rows are padded to whole vectors (`tile.stride`) and matrices to whole tiles of rows
(`tile.padded`); the padding of w, b and dy is zero.
"""

from .jit import jit
from .tile import product


@jit
def dense_forward(y, x, w, b, rows, inputs, outputs):
    """y[B, O] = x[B, I] w[I, O] + b[O]."""
    product(y, x, 0, x.shape[1], 1, w, b, rows, inputs, outputs)


@jit
def dense_backward_input(dx, dy, w_transposed, zeros, rows, inputs, outputs):
    """dx[B, I] = dy[B, O] w_transposed[O, I]."""
    product(dx, dy, 0, dy.shape[1], 1, w_transposed, zeros, rows, outputs, inputs)


@jit
def dense_backward_kernel(dw, x, dy, zeros, first, rows, batch, outputs):
    """dw[I, O] = x[B, I] transposed times dy[B, O], for `rows` rows of dw from row `first` of the kernel on."""
    product(dw, x, first, 1, x.shape[1], dy, zeros, rows, batch, outputs)


@jit
def dense_backward_bias(db, dy, one, zeros, batch, outputs):
    """db[1, O] = the sums of the columns of dy[B, O]: a row of ones times dy, for which `one` holds a single 1."""
    product(db, one, 0, 0, 0, dy, zeros, 1, batch, outputs)


@jit
def transpose(w_transposed, w, first, rows, outputs):
    """w_transposed[O, I] = w[I, O] transposed, for `rows` rows of w from `first` on."""
    for j in range(outputs):
        for i in range(first, first + rows):
            w_transposed[j, i] = w[i, j]
