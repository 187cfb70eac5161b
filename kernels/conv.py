"""The convolution of one sample, its gradients, and the copies that they read: y = x * w + b, channels last.

A sample is copied into an image with a border of zeros (`pad_image`), so that every window lies inside it. Then an
output pixel is a row of a matrix product whose terms come in runs: the lines of its window, each contiguous. The input
gradient is the same product with the kernel turned (`turn`), over an image of dy; in the kernel's gradient its taps are
the rows and the lines of dy the runs. Tables say where rows and runs begin.

C channels, F filters, P output pixels, K = kernel height x kernel width x C taps. Activations are compact; kernels are
matrices w[K, F] whose rows are padded to whole vectors (`tile.stride`) with zeros. An argument `<name>_at` is where in
the flat array `name`, or in the table, the part of this sample or layer begins. dy is read in whole vectors: one more
must be readable behind it.
Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning" (arxiv.org/abs/1603.07285), has the shapes.
"""

from .arrays import copy_part, flattened, lanes
from .jit import jit, jit_inline, jit_part
from .processor import SIMD_BYTES, VECTOR_REGISTERS
from .vectors import add, load, spread, store, width
from .window import make_window_tile

# Rows and vectors of the tiles: as many chains of multiply-adds as keep two units busy, few enough for the registers,
# and with the fewest loads. Few columns take half a vector where there is one: it multiplies no slower, but loads
# faster. Measured against other shapes.
HALF_BYTES = SIMD_BYTES // 2 if SIMD_BYTES == 64 else SIMD_BYTES
if VECTOR_REGISTERS == 32:
    ROWS_WIDE, VECTORS_WIDE, ROWS_MIDDLE, ROWS_NARROW, ROWS_HALF = 6, 4, 12, 12, 10
else:
    ROWS_WIDE, VECTORS_WIDE, ROWS_MIDDLE, ROWS_NARROW, ROWS_HALF = 4, 3, 6, 12, 12
# Bytes of B that stay in the L1 cache while all rows pass by.
BLOCK_BYTES = 24 * 1024

window_wide = make_window_tile(ROWS_WIDE, VECTORS_WIDE)
window_middle = make_window_tile(ROWS_MIDDLE, 2)
window_narrow = make_window_tile(ROWS_NARROW, 1)
window_half = make_window_tile(ROWS_HALF, 1, HALF_BYTES)

# One vector of columns alone is limited by loads of the image. Where the kernel has STRIP_TAPS columns and the strides
# are 1, STRIP adjacent pixels share them.
STRIP, STRIP_TAPS, STRIP_COLUMNS = 4, 3, 16
ROWS_STRIP = 4 if VECTOR_REGISTERS == 32 else 2

pixel_strips = make_window_tile(ROWS_STRIP, 1, strip=STRIP, taps=STRIP_TAPS)
pixel_strips_half = make_window_tile(ROWS_STRIP, 1, HALF_BYTES, STRIP, STRIP_TAPS)
tap_strips = make_window_tile(ROWS_STRIP, 1, strip=STRIP_TAPS, taps=STRIP)
tap_strips_half = make_window_tile(ROWS_STRIP, 1, HALF_BYTES, STRIP_TAPS, STRIP)


def in_strips(kernel_width, column_stride, column_dilation, output_width, columns):
    """Whether the `_strips` kernels can compute a convolution with `columns` columns, and are faster."""
    fits = kernel_width == STRIP_TAPS and output_width >= STRIP
    return fits and column_stride == column_dilation == 1 and columns <= STRIP_COLUMNS


def strips_of(width):
    """The columns where the strips of a line of `width` pixels begin; the last one may overlap the one before."""
    return [*range(0, width - STRIP + 1, STRIP), *([width - STRIP] if width % STRIP else [])]


@jit_inline
def half_lanes(array):
    """Columns for which half a vector does."""
    return HALF_BYTES * lanes(array) // SIMD_BYTES


@jit_part
def lines_in_cache(width, columns, itemsize):
    """Lines of dy[lines, width, columns] that stay in the cache while all taps pass by."""
    return max(1, BLOCK_BYTES // (width * columns * itemsize))


@jit
def windows(
    c, c_at, c_row, a, a_at, a_step, b, b_at, b_run, b_row, tables, rows_at, rows, runs_at, runs, terms, start, s_at,
    s_row, columns, block
):  # fmt: skip
    """c[i, j] = start[i, j] + sum_r sum_k a[row_at[i] + run_at[r] + k a_step] b[r b_run + k b_row + j].

    As in `make_window_tile`, for any number of rows and columns: nothing of c but these is written. With less than all
    runs in a `block` all rows go through one block after the other; `start` is c then.
    """
    width, half = lanes(c), half_lanes(c)
    for r in range(0, runs, block):
        count, run_at, b_from = min(block, runs - r), runs_at + r, b_at + r * b_run
        j = 0
        while j < columns:
            at, left = b_from + j, columns - j
            if left > (VECTORS_WIDE - 1) * width:  # or it would read more than whole vectors
                for i in range(0, rows, ROWS_WIDE):
                    window_wide(
                        c, c_at + i * c_row + j, c_row, a, a_at, a_step, b, at, b_run, b_row, tables, rows_at + i,
                        run_at, count, terms, start, s_at + i * s_row + j, s_row, rows - i, left, 0, 0, 0
                    )  # fmt: skip
                j += VECTORS_WIDE * width
            elif left > width:
                for i in range(0, rows, ROWS_MIDDLE):
                    window_middle(
                        c, c_at + i * c_row + j, c_row, a, a_at, a_step, b, at, b_run, b_row, tables, rows_at + i,
                        run_at, count, terms, start, s_at + i * s_row + j, s_row, rows - i, left, 0, 0, 0
                    )  # fmt: skip
                j += 2 * width
            elif left > half:
                for i in range(0, rows, ROWS_NARROW):
                    window_narrow(
                        c, c_at + i * c_row + j, c_row, a, a_at, a_step, b, at, b_run, b_row, tables, rows_at + i,
                        run_at, count, terms, start, s_at + i * s_row + j, s_row, rows - i, left, 0, 0, 0
                    )  # fmt: skip
                j += width
            else:
                for i in range(0, rows, ROWS_HALF):
                    window_half(
                        c, c_at + i * c_row + j, c_row, a, a_at, a_step, b, at, b_run, b_row, tables, rows_at + i,
                        run_at, count, terms, start, s_at + i * s_row + j, s_row, rows - i, left, 0, 0, 0
                    )  # fmt: skip
                j += half


@jit
def pad_image(
    image, image_at, x, x_at, height, width, channels, top, left, padded_width, row_step, column_step
):  # fmt: skip
    """Copy x[height, width, C] into an image whose lines have `padded_width` pixels.

    Pixel (r, c) of x becomes pixel (top + r row_step, left + c column_step) of the image, and no other is written. For
    the image of dy the steps are the strides of the convolution.
    """
    line = width * channels
    pieces, count, step = (1, line, 0) if column_step == 1 else (width, channels, column_step * channels)
    for r in range(height):
        to, at = image_at + ((top + r * row_step) * padded_width + left) * channels, x_at + r * line
        for piece in range(pieces):
            copy_part(image, to + piece * step, x, at + piece * count, count)


@jit_part
def conv_forward(y, y_at, image, image_at, w, b, tables, pixels_at, pixels, runs_at, runs, terms, columns):
    """y[P, F] = b[F] + the sums over the taps: windows of the image times w[K, F].

    The tables say where in the image each pixel's window begins, from `pixels_at` on, and where in a window each of its
    `runs` begins, from `runs_at` on: `terms` contiguous numbers, which meet the rows of w in order. K = runs x terms.
    """
    row = w.shape[1]
    windows(
        y, y_at, columns, image, image_at, 1, flattened(w), 0, terms * row, row, tables, pixels_at, pixels, runs_at,
        runs, terms, b, 0, 0, columns, runs
    )  # fmt: skip


@jit
def conv_forward_strips(
    y, y_at, image, image_at, w, b, tables, strips_at, outs_at, strips, runs_at, runs, channels, columns
):  # fmt: skip
    """`conv_forward` for what `in_strips` allows, with the sums in another order: lines, channels, columns of a window.

    The tables say where in the image the window of each strip's first pixel begins, from `strips_at` on, and where in
    this sample's y that pixel lies, from `outs_at` on; the runs are the lines of a window.
    """
    row, flat_w = w.shape[1], flattened(w)
    tap = channels * row
    for j in range(0, columns, lanes(y)):
        left = columns - j
        if left > half_lanes(y):
            for i in range(0, strips, ROWS_STRIP):
                pixel_strips(
                    y, y_at + j, columns, image, image_at, 1, flat_w, j, STRIP_TAPS * tap, row, tables, strips_at + i,
                    runs_at, runs, channels, b, j, 0, strips - i, left, channels, tap, outs_at + i
                )  # fmt: skip
        else:
            for i in range(0, strips, ROWS_STRIP):
                pixel_strips_half(
                    y, y_at + j, columns, image, image_at, 1, flat_w, j, STRIP_TAPS * tap, row, tables, strips_at + i,
                    runs_at, runs, channels, b, j, 0, strips - i, left, channels, tap, outs_at + i
                )  # fmt: skip


@jit_part
def conv_backward_kernel(
    dw, dw_at, dw_row, image, image_at, dy, dy_at, tables, taps_at, taps, lines_at, lines, width, step, columns
):  # fmt: skip
    """dw[K, F] += the gradient from one sample: windows of the image transposed times dy[lines, width, F].

    The tables say where in a window each of the `taps` = K lies, from `taps_at` on, and where in the image the first
    window of each line of dy begins, from `lines_at` on; the next window begins `step` numbers later. The rows of dw
    are `dw_row` apart.
    """
    block = lines_in_cache(width, columns, dy.itemsize)
    windows(
        dw, dw_at, dw_row, image, image_at, step, dy, dy_at, width * columns, columns, tables, taps_at, taps, lines_at,
        lines, width, dw, dw_at, dw_row, columns, block
    )  # fmt: skip


@jit
def conv_backward_kernel_strips(
    dw, dw_at, dw_row, image, image_at, dy, dy_at, tables, strips_at, outs_at, strips, taps_at, taps, lines_at, lines,
    width, channels, columns
):  # fmt: skip
    """`conv_backward_kernel` for what `in_strips` allows, with the sums over the columns left over last.

    A strip is the taps of one line of the kernel and one channel: the tables say where in a window its first tap lies,
    from `strips_at` on, and where in dw its row begins, from `outs_at` on.
    """
    line, whole = width * columns, width // STRIP
    block = lines_in_cache(width, columns, dy.itemsize)
    a_step, b_row, c_row = STRIP * channels, STRIP * columns, channels * dw_row
    for r in range(0, lines, block):
        count = min(block, lines - r)
        for j in range(0, columns, lanes(dw)):
            at, left = dy_at + r * line + j, columns - j
            if left > half_lanes(dw):
                for i in range(0, strips, ROWS_STRIP):
                    tap_strips(
                        dw, dw_at + j, c_row, image, image_at, a_step, dy, at, line, b_row, tables, strips_at + i,
                        lines_at + r, count, whole, dw, dw_at + j, c_row, strips - i, left, channels, columns,
                        outs_at + i
                    )  # fmt: skip
            else:
                for i in range(0, strips, ROWS_STRIP):
                    tap_strips_half(
                        dw, dw_at + j, c_row, image, image_at, a_step, dy, at, line, b_row, tables, strips_at + i,
                        lines_at + r, count, whole, dw, dw_at + j, c_row, strips - i, left, channels, columns,
                        outs_at + i
                    )  # fmt: skip
    done = whole * STRIP
    if done < width:
        image_at, dy_at = image_at + done * channels, dy_at + done * columns
        for j in range(0, columns, lanes(dw)):
            for i in range(0, taps, ROWS_NARROW):
                at = dw_at + i * dw_row + j
                window_narrow(
                    dw, at, dw_row, image, image_at, channels, dy, dy_at + j, line, columns, tables, taps_at + i,
                    lines_at, lines, width - done, dw, at, dw_row, taps - i, columns - j, 0, 0, 0
                )  # fmt: skip


@jit_part
def conv_backward_bias(db, dy, dy_at, pixels, columns):
    """db[F] += the sums over the pixels of dy[P, F].

    In four chains, each of every fourth pixel, so that the latency of an addition is hidden behind the others.
    """
    whole = pixels // 4 * 4
    for j in range(0, columns, width(db)):
        count, at = columns - j, dy_at + j
        none = spread(db, db.dtype.type(0))
        first, second, third, fourth = load(db, j, count), none, none, none
        for p in range(0, whole, 4):
            first = add(first, load(dy, at + p * columns, count))
            second = add(second, load(dy, at + (p + 1) * columns, count))
            third = add(third, load(dy, at + (p + 2) * columns, count))
            fourth = add(fourth, load(dy, at + (p + 3) * columns, count))
        for p in range(whole, pixels):
            first = add(first, load(dy, at + p * columns, count))
        store(db, j, count, add(add(add(first, second), third), fourth))


@jit_part
def turn(turned, w, first, last, channels, filters):
    """turned[(KH - 1 - i, KW - 1 - j, f), c] = w[(i, j, c), f] for rows [first, last) of w."""
    taps = turned.shape[0] // filters
    for row in range(first, last):
        tap, c = row // channels, row % channels
        for f in range(filters):
            turned[(taps - 1 - tap) * filters + f, c] = w[row, f]
