"""Embeddings: an integer among the inputs becomes a row of a table of weights.

Indices arrive as floats, like all inputs: B batch, L columns of x that hold them, w (N, D), y (B, L D) from column
`out` on. Python has checked that they are integers in [0, N) before a step; `index_of` keeps kernels inside the table
even if the data are changed after that.

A table has many more rows than a batch has indices, and each row's gradient is the sum over the samples that looked it
up. Going through the batch's indices for every few rows would cost more than all else, so backward sorts them first,
into lists: a list holds the entries of x whose indices lie in the same BUCKET rows of the table. Each group of samples
(`group_rows`) has lists of its own, so that threads can make them in parallel, and GRADIENT goes through the groups in
order. The lists lie in the layer's partial sums, as floats: for each bucket its last entry (0: the list is empty), then
for each entry the next one; the last one's next is the first. Entries are numbered from 1 in the order of the samples.
If there are more buckets than lists, several share a list, and a reader skips the entries of other buckets.
"""

import numpy as np

from .arrays import matrix, vector
from .instructions import BACKWARD, FORWARD, GRADIENT
from .jit import jit, jit_inline
from .operations import GROUPS, dx_rows, dy_rows, group_rows, operation, x_rows, y_rows
from .weights import dw_matrix, w_matrix

BUCKET_SHIFT = 4
BUCKET = 1 << BUCKET_SHIFT  # rows of a table

# The indices of an embedding's integers.
AT, COLUMNS, OUT, SIZE, ROWS, STRIDE, LISTS, PER_GROUP = range(8)
OWN = PER_GROUP + 1


@jit_inline
def index_of(number, rows):
    """A float as an index, limited to [0, rows - 1]; NaN gives 0."""
    last = rows - 1
    if not number > 0:
        return np.int64(0)
    return last if number >= last else np.int64(number)


@jit
def embedding_forward(y, x, w, at, columns, out, size):
    """y[B, out + j size ...] = w[x[B, at + j]], j < columns: the rows of `size` numbers at the indices."""
    for i in range(y.shape[0]):
        for j in range(columns):
            index, place = index_of(x[i, at + j], w.shape[0]), out + j * size
            for k in range(size):
                y[i, place + k] = w[index, k]


@jit
def embedding_lists(last, following, x, at, columns, rows, first):
    """Append the samples x[B, ...] to the lists of their group; the first of them is number `first` in the group.

    last[lists], following[1 + entries]: see above. `lists` is a power of two.
    """
    real, shift, mask = last.dtype.type, np.int64(BUCKET_SHIFT), last.size - 1
    if first == 0:
        for i in range(last.size):
            last[i] = 0
    for i in range(x.shape[0]):
        for j in range(columns):
            entry = (first + i) * columns + j + 1
            bucket = (index_of(x[i, at + j], rows) >> shift) & mask
            before = np.int64(last[bucket])
            if before == 0:
                following[entry] = real(entry)
            else:
                following[entry] = following[before]
                following[before] = real(entry)
            last[bucket] = real(entry)


@jit
def embedding_backward_table(dw, dy, x, groups, lists, group, start, at, columns, out, size, rows):
    """dw = the gradient of rows [start, start + dw.shape[0]) of the table: the sum of dy[B, ...] over their lookups.

    groups[groups, lists + 1 + entries]: the lists of each group of `group` samples.
    """
    stop, shift, mask = start + dw.shape[0], np.int64(BUCKET_SHIFT), lists - 1
    for i in range(dw.shape[0]):
        for k in range(size):
            dw[i, k] = 0
    for number in range((x.shape[0] + group - 1) // group):
        for bucket in range(start >> shift, ((stop - 1) >> shift) + 1):
            end = np.int64(groups[number, bucket & mask])
            entry = end
            while entry > 0:
                entry = np.int64(groups[number, lists + entry])
                i, j = number * group + (entry - 1) // columns, (entry - 1) % columns
                index = index_of(x[i, at + j], rows)
                if index >> shift == bucket and start <= index < stop:
                    row, place = index - start, out + j * size
                    for k in range(size):
                        dw[row, k] += dy[i, place + k]
                if entry == end:
                    break


@operation
def embedding(task, ins, weights, batch, data, span):
    """The layers Embedding and CategoricalEmbedding: one table."""
    own = vector(batch.tables, ins.table, np.int64(OWN))
    at, columns, out, size, rows, stride = own[AT], own[COLUMNS], own[OUT], own[SIZE], own[ROWS], own[STRIDE]
    lists, per_group, group = own[LISTS], own[PER_GROUP], group_rows(span.rows)
    if task == FORWARD:
        w = w_matrix(weights, ins.kernel, 0, rows, stride)
        embedding_forward(y_rows(ins, batch, span), x_rows(ins, batch, span), w, at, columns, out, size)
    elif task == BACKWARD:
        if ins.gradient:
            dx = dx_rows(ins, batch, span)
            for i in range(dx.shape[0]):
                for j in range(at, at + columns):
                    dx[i, j] = 0
        start = span.start
        while ins.trainable and start < span.stop:
            number = start // group
            stop, place = min(span.stop, (number + 1) * group), ins.partial + number * per_group
            x = matrix(batch.activations, ins.x + start * ins.x_stride, stop - start, ins.x_stride)
            last = vector(batch.partials, place, lists)
            following = vector(batch.partials, place + lists, per_group - lists)
            embedding_lists(last, following, x, at, columns, rows, start - number * group)
            start = stop
    elif task == GRADIENT:
        dw = dw_matrix(weights, ins.kernel, span.start, span.stop - span.start, stride)
        dy = matrix(batch.gradients, ins.y, span.rows, ins.y_stride)
        x = matrix(batch.activations, ins.x, span.rows, ins.x_stride)
        groups = matrix(batch.partials, ins.partial, np.int64(GROUPS), per_group)
        embedding_backward_table(dw, dy, x, groups, lists, group, span.start, at, columns, out, size, rows)


@jit
def selection_forward(y, x, columns):
    """y[B, j] = x[B, columns[j]]."""
    for i in range(y.shape[0]):
        for j in range(columns.size):
            y[i, j] = x[i, columns[j]]


@jit
def selection_backward(dx, dy, columns):
    """dx[B, columns[j]] = dy[B, j]; the other columns stay as they are."""
    for i in range(dy.shape[0]):
        for j in range(columns.size):
            dx[i, columns[j]] = dy[i, j]


@operation
def selection(task, ins, weights, batch, data, span):
    """The columns of a CategoricalEmbedding that do not hold indices."""
    columns = vector(batch.tables, ins.table + 1, batch.tables[ins.table])
    if task == FORWARD:
        selection_forward(y_rows(ins, batch, span), x_rows(ins, batch, span), columns)
    elif task == BACKWARD and ins.gradient:
        selection_backward(dx_rows(ins, batch, span), dy_rows(ins, batch, span), columns)
