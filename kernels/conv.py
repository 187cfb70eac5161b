"""The convolution of one sample, its gradients, and the copies that they read: y = x * w + b, channels last.

A sample is copied into an image with a border of zeros (`pad_image`), so that every window lies inside it. Then an
output pixel is a row of a matrix product whose terms come in runs: the lines of its window, each contiguous. The input
gradient is the same product with the kernel turned (`turn`), over an image of dy; in the kernel's gradient its taps are
the rows and the lines of dy the runs. Tables say where rows and runs begin.

C channels, F filters, P output pixels, K = kernel height x kernel width x C taps. Activations are compact; kernels are
matrices w[K, F] whose rows are padded to whole vectors (`tile.stride`) with zeros. An argument `<name>_at` is where in
the flat array `name`, or in the table, the part of this sample or layer begins. dy, and y where it is summed up in
blocks, are read in whole vectors: one vector more must be readable behind them.
Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning" (arxiv.org/abs/1603.07285), has the shapes.
"""

from .jit import SIMD_BYTES, VECTOR_REGISTERS, jit
from .tile import add_rows, lanes, make_window_tile, vector

# Few columns take half a vector where there is one: it costs as much to multiply, but less to load.
HALF_BYTES = SIMD_BYTES // 2 if SIMD_BYTES == 64 else SIMD_BYTES
# As many chains of multiply-adds as keep two units busy, with not many more row pointers than there are registers.
ROWS_WIDE, ROWS_NARROW, ROWS_HALF = (12, 12, 10) if VECTOR_REGISTERS == 32 else (6, 12, 12)
# Bytes of B that stay in the L1 cache while all rows pass by.
BLOCK_BYTES = 24 * 1024

window_wide = make_window_tile(ROWS_WIDE, 2)
window_narrow = make_window_tile(ROWS_NARROW, 1)
window_half = make_window_tile(ROWS_HALF, 1, HALF_BYTES)


@jit
def windows(
    c, c_at, c_row, a, a_at, a_step, b, b_at, b_run, b_row, tables, rows_at, rows, runs_at, runs, terms, start, s_at,
    s_row, columns
):  # fmt: skip
    """c[i, j] = start[i, j] + sum_r sum_k a[row_at[i] + run_at[r] + k a_step] b[r b_run + k b_row + j].

    As in `make_window_tile`, for any number of rows and columns: nothing of c but these is written. Each element's sum
    goes on from block to block of runs, in order.
    """
    width = lanes(c)
    half = HALF_BYTES * width // SIMD_BYTES
    block = max(1, BLOCK_BYTES // (terms * min(columns, 2 * width) * c.itemsize))
    for r in range(0, runs, block):
        count, run_at, b_from = min(block, runs - r), runs_at + r, b_at + r * b_run
        for j in range(0, columns, 2 * width):
            at, left = b_from + j, columns - j
            if left > width:
                for i in range(0, rows, ROWS_WIDE):
                    window_wide(
                        c, c_at + i * c_row + j, c_row, a, a_at, a_step, b, at, b_run, b_row, tables, rows_at + i,
                        run_at, count, terms, start, s_at + i * s_row + j, s_row, rows - i, left
                    )  # fmt: skip
            elif left > half:
                for i in range(0, rows, ROWS_NARROW):
                    window_narrow(
                        c, c_at + i * c_row + j, c_row, a, a_at, a_step, b, at, b_run, b_row, tables, rows_at + i,
                        run_at, count, terms, start, s_at + i * s_row + j, s_row, rows - i, left
                    )  # fmt: skip
            else:
                for i in range(0, rows, ROWS_HALF):
                    window_half(
                        c, c_at + i * c_row + j, c_row, a, a_at, a_step, b, at, b_run, b_row, tables, rows_at + i,
                        run_at, count, terms, start, s_at + i * s_row + j, s_row, rows - i, left
                    )  # fmt: skip
        start, s_at, s_row = c, c_at, c_row


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
            target, source = vector(image, to + piece * step, count), vector(x, at + piece * count, count)
            for i in range(count):
                target[i] = source[i]


@jit
def conv_forward(y, y_at, image, image_at, w, b, tables, pixels_at, pixels, runs_at, runs, terms, columns):
    """y[P, F] = b[F] + the sums over the taps: windows of the image times w[K, F].

    The tables say where in the image each pixel's window begins, from `pixels_at` on, and where in a window each of its
    `runs` begins, from `runs_at` on: `terms` contiguous numbers, which meet the rows of w in order. K = runs x terms.
    """
    row = w.shape[1]
    windows(
        y, y_at, columns, image, image_at, 1, w, 0, terms * row, row, tables, pixels_at, pixels, runs_at, runs, terms,
        b, 0, 0, columns
    )  # fmt: skip


@jit
def conv_backward_kernel(
    dw, dw_at, dw_row, image, image_at, dy, dy_at, tables, taps_at, taps, lines_at, lines, width, step, columns
):  # fmt: skip
    """dw[K, F] += the gradient from one sample: windows of the image transposed times dy[lines, width, F].

    The tables say where in a window each of the `taps` = K lies, from `taps_at` on, and where in the image the first
    window of each line of dy begins, from `lines_at` on; the next window begins `step` numbers later. The rows of dw
    are `dw_row` apart.
    """
    windows(
        dw, dw_at, dw_row, image, image_at, step, dy, dy_at, width * columns, columns, tables, taps_at, taps, lines_at,
        lines, width, dw, dw_at, dw_row, columns
    )  # fmt: skip


@jit
def conv_backward_bias(db, dy, dy_at, pixels, columns):
    """db[F] += the sums over the pixels of dy[P, F]."""
    for j in range(0, columns, lanes(db)):
        add_rows(db, j, dy, dy_at + j, columns, pixels, columns - j)


@jit
def turn(turned, w, kernel_height, kernel_width, channels, filters):
    """turned[(KH - 1 - i, KW - 1 - j, f), c] = w[(i, j, c), f]: the kernel that makes dx of dy."""
    taps = kernel_height * kernel_width
    for tap in range(taps):
        for f in range(filters):
            for c in range(channels):
                turned[(taps - 1 - tap) * filters + f, c] = w[tap * channels + c, f]
