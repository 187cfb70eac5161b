"""Whether an instruction leaves out terms that are zero (`skipping.py`): decided from what was seen, in `Batch.marks`.

Looking costs a dense product one or two hundredths. So after a look nothing is asked for PATIENCE batches: neither
where lists pay nor where they do not. Results have the same bits either way, so it does not matter who looks when.

0 times NaN or infinity is NaN, in a product that leaves nothing out. Where a program computes a loss, a product
therefore leaves nothing out as long as a weight or, for the gradient, any gradient is not finite: a training that goes
wrong does so in the same step. Predictions never look at weights that they do not read.

An instruction's marks, for batches of at most R rows (whole tiles) of I inputs:

    NOT_FINITE, USED, CHECKED (whether weights have to be finite); then for each tile of rows: a patience, whether its
    bitmaps are those of this batch;
    for each tile of inputs: a patience; then the bitmaps.

A patience above 0 counts the batches in which lists are not tried, one below 0 those in which they are used.
"""

import numpy as np

from .arrays import ROWS, all_finite, flattened, matrix
from .jit import jit, jit_apart, jit_part
from .skipping import WORD, list_elements, list_samples, mark
from .tile import DEPTH

SMALLEST_INPUTS = 64  # with fewer, a product takes hardly longer than a look
PATIENCE = 64
NOT_FINITE, USED, CHECKED, _TILES = range(4)
# A term in order costs its columns; one of a list this much for its place in the list, and a sixteenth more.
_PLACE = 32


def marks_size(rows, inputs):
    """The length of an instruction's marks."""
    return _TILES + 2 * (rows // ROWS) + -(-inputs // ROWS) + rows * -(-inputs // WORD)


@jit_part
def marked_bits(at, marks, batch_rows, inputs):
    """The bitmaps [words, R] of the batch."""
    bitmaps = at + _TILES + 2 * (batch_rows // ROWS) + (inputs + ROWS - 1) // ROWS
    return matrix(marks, bitmaps, (inputs + WORD - 1) // WORD, batch_rows)


@jit_part
def _pays(left, terms, columns):
    """Whether a product over the `left` terms of lists is faster than one over all `terms`."""
    return 16 * _PLACE * left + 17 * columns * left <= 16 * columns * terms


@jit_part
def _set_fresh(at, marks, batch_rows, start, rows, fresh):
    first = at + _TILES + batch_rows // ROWS + start // ROWS
    for tile in range((rows + ROWS - 1) // ROWS):
        marks[first + tile] = fresh


@jit_apart
def input_pays(at, marks, batch_rows, terms, x, w, start, inputs):
    """Whether the forward product of these rows shall use lists; if so, their bitmaps are made."""
    rows, place = x.shape[0], at + _TILES + start // ROWS
    patience = marks[place]
    pays = patience < 0
    if patience > 0 and rows > 1:  # a single row's bitmap costs nothing beside its product
        marks[place] = patience - 1
    elif marks[at + NOT_FINITE] == 0:
        bits = marked_bits(at, marks, batch_rows, inputs)
        mark(bits, x, start, rows, inputs)
        if not pays:
            left, tiles = 0, (rows + ROWS - 1) // ROWS
            for first in range(0, bits.shape[0], DEPTH // WORD):
                left += list_elements(terms, bits, start, rows, first, min(bits.shape[0], first + DEPTH // WORD))
            pays = _pays(left, tiles * inputs, w.shape[1]) and (marks[at + CHECKED] == 0 or all_finite(flattened(w)))
            patience = -PATIENCE if pays else PATIENCE
            if pays:
                marks[at + USED] = 1
        marks[place] = patience + pays
    else:
        pays = False
    _set_fresh(at, marks, batch_rows, start, rows, np.int64(pays))
    return pays


@jit_apart
def gradient_pays(at, marks, batch_rows, terms, batch, first, rows, inputs, columns):
    """Whether the gradient of `rows` rows of the weight from `first` on, over `batch` samples, shall use lists."""
    tiles = batch_rows // ROWS
    for tile in range((batch + ROWS - 1) // ROWS):
        if marks[at + _TILES + tiles + tile] == 0:
            return False
    place = at + _TILES + 2 * tiles + first // ROWS
    patience = marks[place]
    pays = patience < 0
    if patience > 0:
        marks[place] = patience - 1
        return False
    if not pays:
        samples, groups = min(DEPTH, batch), (rows + ROWS - 1) // ROWS
        bits = marked_bits(at, marks, batch_rows, inputs)
        pays = _pays(list_samples(terms, bits, first, rows, np.int64(0), samples), groups * samples, columns)
        patience = -PATIENCE if pays else PATIENCE
    marks[place] = patience + pays
    return pays


@jit
def see_gradient(at, marks, batch_rows, dy, start):
    """Leave nothing out of the gradient of this batch if one of these rows of dy is not finite."""
    if marks[at + _TILES + batch_rows // ROWS + start // ROWS] and not all_finite(flattened(dy)):
        _set_fresh(at, marks, batch_rows, start, dy.shape[0], 0)


@jit
def see_weights(at, marks, w, begins):
    """Leave nothing out from now on if one of these rows of the weight is not finite; look anew where a run begins."""
    if begins:
        marks[at + NOT_FINITE], marks[at + CHECKED] = 0, 1
    if marks[at + USED] and not all_finite(flattened(w)):
        marks[at + NOT_FINITE] = 1
