"""The dense layer: y = x w + b, its gradients, and the copy of w that the input gradient reads.

B batch, I inputs, O outputs. Rows are padded to whole vectors (`arrays.stride`) and matrices to whole tiles of rows
(`arrays.padded`); the padding of w, b and dy is zero.
"""

from .arrays import flattened, matrix
from .clock import count_skipped
from .instructions import BACKWARD, COPIES, FORWARD, GRADIENT
from .jit import jit
from .marks import gradient_pays, input_pays, marked_bits, see_gradient, see_weights
from .operations import dx_rows, dy_rows, operation, x_rows, y_rows
from .skipping import skipping_backward_kernel, skipping_forward
from .tile import product
from .transposing import square, transpose_square
from .weights import dw_matrix, w_matrix, w_vector


@jit
def dense_forward(y, x, w, b, rows, inputs, outputs):
    """y[B, O] = x[B, I] w[I, O] + b[O]."""
    product(y, flattened(x), 0, x.shape[1], 1, w, b, rows, inputs, outputs)


@jit
def dense_backward_input(dx, dy, w_transposed, zeros, rows, inputs, outputs):
    """dx[B, I] = dy[B, O] w_transposed[O, I]."""
    product(dx, flattened(dy), 0, dy.shape[1], 1, w_transposed, zeros, rows, outputs, inputs)


@jit
def dense_backward_kernel(dw, x, dy, zeros, first, rows, batch, outputs):
    """dw[I, O] = x[B, I] transposed times dy[B, O], for `rows` rows of dw from row `first` of the kernel on."""
    product(dw, flattened(x), first, 1, x.shape[1], dy, zeros, rows, batch, outputs)


@jit
def dense_backward_bias(db, dy, one, zeros, batch, outputs):
    """db[1, O] = the sums of the columns of dy[B, O]: a row of ones times dy; `one` holds a single 1."""
    product(db, one, 0, 0, 0, dy, zeros, 1, batch, outputs)


@jit
def transpose(w_transposed, w, first, rows, outputs):
    """w_transposed[O, I] = w[I, O] transposed, for `rows` rows of w from `first` on."""
    block, last = square(w), first + rows
    to, at, to_row, row = flattened(w_transposed), flattened(w), w_transposed.shape[1], w.shape[1]
    for j in range(0, outputs, block):
        for i in range(first, last, block):
            if j + block <= outputs and i + block <= last:
                transpose_square(to, j * to_row + i, to_row, at, i * row + j, row)
            else:
                for b in range(j, min(j + block, outputs)):
                    for a in range(i, min(i + block, last)):
                        w_transposed[b, a] = w[a, b]


@operation
def dense(task, ins, weights, batch, data, span):
    """The layer Dense without its activation."""
    rows = span.stop - span.start
    if task == FORWARD:
        x, y = x_rows(ins, batch, span), y_rows(ins, batch, span)
        w = w_matrix(weights, ins.kernel, 0, ins.inputs, ins.y_stride)
        b = batch.zeros if ins.bias < 0 else w_vector(weights, ins.bias, 0, ins.y_stride)
        marks, batch_rows, terms = batch.marks, batch.scale.size, batch.terms[span.thread]
        if ins.marks >= 0 and input_pays(ins.marks, marks, batch_rows, terms, x, w, span.start, ins.inputs):
            bits = marked_bits(ins.marks, marks, batch_rows, ins.inputs)
            left = skipping_forward(y, x, w, b, bits, terms, span.start, rows, ins.inputs, ins.outputs)
            count_skipped(weights, ins, FORWARD, rows, ins.inputs, left)
        else:
            dense_forward(y, x, w, b, rows, ins.inputs, ins.outputs)
    elif task == BACKWARD:
        if ins.marks >= 0 and ins.trainable:
            see_gradient(ins.marks, batch.marks, batch.scale.size, dy_rows(ins, batch, span), span.start)
        if ins.gradient:
            w_transposed = matrix(weights.transposed, ins.transposed, ins.outputs, ins.x_stride)
            dx, dy = dx_rows(ins, batch, span), dy_rows(ins, batch, span)
            dense_backward_input(dx, dy, w_transposed, batch.zeros, rows, ins.inputs, ins.outputs)
    elif task == GRADIENT:
        dy = matrix(batch.gradients, ins.y, span.rows, ins.y_stride)
        if span.which == 0:
            x = matrix(batch.activations, ins.x, span.rows, ins.x_stride)
            dw = dw_matrix(weights, ins.kernel, span.start, rows, ins.y_stride)
            marks, batch_rows, terms = batch.marks, batch.scale.size, batch.terms[span.thread]
            if ins.marks >= 0 and gradient_pays(
                ins.marks, marks, batch_rows, terms, span.rows, span.start, rows, ins.inputs, ins.y_stride
            ):
                bits = marked_bits(ins.marks, marks, batch_rows, ins.inputs)
                left = skipping_backward_kernel(
                    dw, x, dy, batch.zeros, bits, terms, span.start, rows, span.rows, ins.outputs
                )
                count_skipped(weights, ins, GRADIENT, rows, span.rows, left)
            else:
                dense_backward_kernel(dw, x, dy, batch.zeros, span.start, rows, span.rows, ins.outputs)
        else:
            db = dw_matrix(weights, ins.bias, 0, 1, ins.y_stride)
            dense_backward_bias(db, dy, batch.one, batch.zeros, span.rows, ins.outputs)
    elif task == COPIES:
        w = w_matrix(weights, ins.kernel, 0, ins.inputs, ins.y_stride)
        if ins.transposed >= 0:
            w_transposed = matrix(weights.transposed, ins.transposed, ins.outputs, ins.x_stride)
            transpose(w_transposed, w, span.start, rows, ins.outputs)
        if ins.marks >= 0:
            rows_of_w = w_matrix(weights, ins.kernel, span.start, rows, ins.y_stride)
            see_weights(ins.marks, batch.marks, rows_of_w, span.rows == 0)
