"""The convolution's kernels, one sample at a time, over images and tables as a layer would make them."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn.kernels.arrays import stride
from fastnn.kernels.conv import (
    BLOCK_BYTES,
    conv_backward_bias,
    conv_backward_kernel,
    conv_backward_kernel_strips,
    conv_forward,
    conv_forward_strips,
    in_strips,
    pad_image,
    strips_of,
    turn,
)
from fastnn.kernels.conv_tile import STRIP
from fastnn.kernels.jit import JIT_ENABLED
from fastnn.kernels.processor import HAS_FMA

from ..cases import padded_matrix
from ..comparing import assert_close, assert_same_bits, canaries, exact
from ..reference import conv as reference
from ..reference.gradients import central_difference

CHANNELS = st.sampled_from([1, 2, 3, 8, 17])
FILTERS = st.sampled_from([1, 3, 8, 16, 24, 40, 64, 72] if JIT_ENABLED else [1, 3, 8, 24])
KERNELS = st.sampled_from([(1, 1), (2, 2), (3, 3), (5, 3), (3, 1)])
SEEDS = st.integers(0, 2**32 - 1)
FLAT = (1, 1)
NO_BORDERS = ((0, 0), (0, 0))


@dataclass(frozen=True)
class Shape:
    """Where a convolution's numbers lie: what a layer works out once."""

    size: tuple[int, int]
    channels: int
    filters: int
    kernel: tuple[int, int]
    strides: tuple[int, int] = FLAT
    dilation: tuple[int, int] = FLAT
    borders: tuple[tuple[int, int], tuple[int, int]] = NO_BORDERS

    @property
    def options(self):
        return self.strides, self.dilation, self.borders

    @property
    def taps(self):
        return self.kernel[0] * self.kernel[1] * self.channels

    @property
    def padded(self):
        return tuple(s + sum(border) for s, border in zip(self.size, self.borders, strict=True))

    @property
    def output(self):
        return tuple(
            (p - d * (k - 1) - 1) // s + 1
            for p, k, s, d in zip(self.padded, self.kernel, self.strides, self.dilation, strict=True)
        )

    @property
    def before(self):
        return self.borders[0][0], self.borders[1][0]


def offsets(first, second, line, step):
    """Where the pixels (i, j) begin, i in `first` and j in `second`, in an image of `line` pixels of `step` numbers."""
    return [(i * line + j) * step for i, j in product(first, second)]


def spaced(count, step, first=0):
    return range(first, first + count * step, step)


def tables_of(*lists):
    """The lists one after the other behind an entry that belongs to nobody, and where each begins."""
    starts = np.cumsum([1, *map(len, lists)]).tolist()
    return np.array([2**40, *(entry for entries in lists for entry in entries)], np.int64), starts[:-1]


def runs_of(kernel, dilation, line, channels):
    """Where the runs of a window begin, and how many numbers each has."""
    (height, width), (down, across) = kernel, dilation
    if across == 1:
        return offsets(spaced(height, down), [0], line, channels), width * channels
    return offsets(spaced(height, down), spaced(width, across), line, channels), channels


def image_of(place, sample, size, before, steps=FLAT):
    """The sample in an image of zeros, which begins five numbers into its array, as all that is flat here."""
    height, width, channels = sample.shape
    image = place(np.zeros(5 + size[0] * size[1] * channels, sample.dtype))
    x = place(np.concatenate([np.full(3, np.nan, sample.dtype), sample.ravel()]), kept=True)
    pad_image(image, 5, x, 3, height, width, channels, *before, size[1], *steps)
    expected = np.zeros((*size, channels), sample.dtype)
    rows, columns = (spaced(n, s, b) for n, s, b in zip((height, width), steps, before, strict=True))
    expected[np.ix_(rows, columns)] = sample
    assert not image[:5].any()
    assert_same_bits(image[5:].reshape(expected.shape), expected)
    return image


def convolve(place, image, line, kernel, b, matrix, size, origin, steps, dilation):
    """One sample's output, between two others that must stay as they are.

    The image has lines of `line` pixels; windows begin at its pixel `origin` and are `steps` apart.
    """
    (lines, width), filters, channels = size, len(b), len(matrix) // (kernel[0] * kernel[1])
    count = lines * width
    y = place(np.full(3 * count * filters, 7, matrix.dtype))
    rows = spaced(lines, steps[0], origin[0])
    arrays = (place(matrix, kept=True), place(padded_matrix(b[np.newaxis])[0], kept=True))
    if in_strips(kernel[1], steps[1], dilation[1], width, filters):
        first = strips_of(width)
        strips = offsets(rows, [origin[1] + c for c in first], line, channels)
        runs = offsets(spaced(kernel[0], dilation[0]), [0], line, channels)
        tables, (strips_at, outs_at, runs_at) = tables_of(strips, offsets(range(lines), first, width, filters), runs)
        conv_forward_strips(
            y, count * filters, image, 5, *arrays, place(tables, kept=True), strips_at, outs_at, len(strips), runs_at,
            len(runs), channels, filters
        )  # fmt: skip
    else:
        pixels = offsets(rows, spaced(width, steps[1], origin[1]), line, channels)
        runs, terms = runs_of(kernel, dilation, line, channels)
        tables, (pixels_at, runs_at) = tables_of(pixels, runs)
        conv_forward(
            y, count * filters, image, 5, *arrays, place(tables, kept=True), pixels_at, count, runs_at, len(runs),
            terms, filters
        )  # fmt: skip
    before, result, after = y.reshape(3, *size, filters)
    assert (before == 7).all()
    assert (after == 7).all()
    return result.copy()


def forward(shape, x, w, b):
    matrix = padded_matrix(w.reshape(shape.taps, shape.filters))[: shape.taps]
    with canaries() as place:
        image = image_of(place, x, shape.padded, shape.before)
        return convolve(
            place, image, shape.padded[1], shape.kernel, b, matrix, shape.output, (0, 0), *shape.options[:2]
        )


def backward_input(shape, dy, w):
    """dy, spread by the strides and with a border as wide as the kernel, times the kernel turned."""
    border = [d * (k - 1) for k, d in zip(shape.kernel, shape.dilation, strict=True)]
    size = [p + b for p, b in zip(shape.padded, border, strict=True)]
    matrix = padded_matrix(w.reshape(shape.taps, shape.filters))[: shape.taps]
    with canaries() as place:
        turned_rows = shape.kernel[0] * shape.kernel[1] * shape.filters
        turned = place(np.zeros((turned_rows, stride(shape.channels, w.dtype)), w.dtype))
        kept, half = place(matrix, kept=True), shape.taps // 2
        turn(turned, kept, 0, half, shape.channels, shape.filters)
        turn(turned, kept, half, shape.taps, shape.channels, shape.filters)
        assert_same_bits(
            turned[:, : shape.channels],
            np.ascontiguousarray(w[::-1, ::-1].swapaxes(2, 3)).reshape(turned_rows, shape.channels),
        )
        assert not turned[:, shape.channels :].any()
        image = image_of(place, dy, size, border, shape.strides)
        zeros = np.zeros(shape.channels, dy.dtype)
        return convolve(
            place, image, size[1], shape.kernel, zeros, turned, shape.size, shape.before, FLAT, shape.dilation
        )


def backward_kernel(shape, dy, x, dw=None):
    """One sample's gradient, added to `dw`."""
    line, (lines, width) = shape.padded[1], shape.output
    (height, across), (down, right) = shape.kernel, shape.dilation
    channels, filters, row = shape.channels, shape.filters, stride(shape.filters, dy.dtype)
    taps = [
        t + c for t in offsets(spaced(height, down), spaced(across, right), line, channels) for c in range(channels)
    ]
    strips = [t + c for t in offsets(spaced(height, down), [0], line, channels) for c in range(channels)]
    outs = [(i * across * channels + c) * row for i in range(height) for c in range(channels)]
    starts = offsets(spaced(lines, shape.strides[0]), [0], line, channels)
    tables, (taps_at, strips_at, outs_at, lines_at) = tables_of(taps, strips, outs, starts)
    wide = np.full((shape.taps + 2, row), 7, dy.dtype)
    wide[1:-1, :filters] = 0 if dw is None else dw.reshape(shape.taps, filters)
    with canaries() as place:
        image = image_of(place, x, shape.padded, shape.before)
        flat = place(wide.ravel())
        flat_dy = place(np.concatenate([np.full(3, np.nan, dy.dtype), dy.ravel()]), kept=True)
        arrays, ends = (flat, row, row, image, 5, flat_dy, 3, place(tables, kept=True)), (taps_at, shape.taps, lines_at)
        if in_strips(across, shape.strides[1], right, width, filters):
            conv_backward_kernel_strips(
                *arrays, strips_at, outs_at, len(strips), *ends, lines, width, channels, filters
            )  # fmt: skip
        else:
            conv_backward_kernel(*arrays, *ends, lines, width, shape.strides[1] * channels, filters)
    wide = flat.reshape(wide.shape)
    outside = np.ones_like(wide, bool)
    outside[1:-1, :filters] = False
    assert (wide[outside] == 7).all()
    return wide[1:-1, :filters].reshape(*shape.kernel, channels, filters)


def backward_bias(dy, db=0):
    filters = dy.shape[-1]
    with canaries() as place:
        wide = place(np.full(stride(filters, dy.dtype), 7, dy.dtype))
        wide[:filters] = db
        flat_dy = place(np.concatenate([np.full(3, np.nan, dy.dtype), dy.ravel()]), kept=True)
        conv_backward_bias(wide, flat_dy, 3, dy.size // filters, filters)
    assert (wide[filters:] == 7).all()
    return wide[:filters].copy()


def example(seed, shape, dtype):
    rng = np.random.default_rng(seed)
    shapes = (
        (*shape.size, shape.channels),
        (*shape.kernel, shape.channels, shape.filters),
        (shape.filters,),
        (*shape.output, shape.filters),
    )
    return [rng.normal(size=s).astype(dtype) for s in shapes]


@st.composite
def geometries(draw):
    """Outputs from a single pixel up, for any kernel, strides and dilation; borders no wider than Keras's "same"."""
    channels, filters, kernel = draw(CHANNELS), draw(FILTERS), draw(KERNELS)
    strides, dilation = (draw(st.tuples(st.integers(1, 3), st.integers(1, 3))), draw(st.sampled_from([(1, 1), (2, 2)])))
    windows = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    borders = tuple((draw(st.integers(0, w // 2)), draw(st.integers(0, w // 2))) for w in windows)
    size = [max(1, w - sum(b)) + draw(st.integers(0, 12)) for w, b in zip(windows, borders, strict=True)]
    return Shape(tuple(size), channels, filters, kernel, strides, dilation, borders)


def check(shape, dtype, seed=0):
    """All that one sample needs against the reference."""
    x, w, b, dy = example(seed, shape, dtype)
    exact_x, exact_w, exact_b, exact_dy = exact(x, w, b, dy)
    sizes = [np.abs(a) for a in (exact_x, exact_w, exact_b, exact_dy)]
    y = reference.conv_forward(exact_x[np.newaxis], exact_w, exact_b, *shape.options)[0]
    assert y.shape == dy.shape
    magnitude = reference.conv_forward(sizes[0][np.newaxis], sizes[1], sizes[2], *shape.options)[0]
    assert_close(forward(shape, x, w, b), y, magnitude)

    dx, dw, db = reference.conv_backward(exact_dy[np.newaxis], exact_x[np.newaxis], exact_w, *shape.options)
    magnitudes = reference.conv_backward(sizes[3][np.newaxis], sizes[0][np.newaxis], sizes[1], *shape.options)
    assert_close(backward_input(shape, dy, w), dx[0], magnitudes[0][0])
    assert_close(backward_kernel(shape, dy, x), dw, magnitudes[1])
    assert_close(backward_bias(dy), db, magnitudes[2])


@given(seed=SEEDS, shape=geometries())
def test_any_convolution(dtype, seed, shape):
    check(shape, dtype, seed)


SAME = ((1, 1), (1, 1))
SHAPES = {
    "MNIST, first": Shape((28, 28), 1, 8, (3, 3), borders=SAME),
    "MNIST, second": Shape((14, 14), 8, 16, (3, 3), borders=SAME),
    "strips and taps that fill no tile": Shape((5, 7), 3, 9, (3, 3)),
    "one output": Shape((3, 3), 17, 72, (3, 3)),
    "one pixel": Shape((1, 1), 1, 1, (1, 1)),
    "one line": Shape((1, 40), 3, 24, (1, 3)),
    "one column": Shape((40, 1), 3, 24, (3, 1)),
    "strided": Shape((9, 10), 3, 8, (3, 3), strides=(2, 3)),
    "strided, with pixels that no window reaches": Shape((10, 10), 2, 3, (2, 2), strides=(3, 3)),
    "dilated": Shape((9, 12), 8, 40, (3, 3), dilation=(2, 2), borders=((2, 2), (2, 2))),
    "dilated down only": Shape((9, 5), 2, 3, (3, 3), dilation=(2, 1)),
    "dilated across only": Shape((5, 9), 2, 3, (3, 3), dilation=(1, 2)),
    "uneven borders": Shape((5, 6), 3, 3, (5, 3), borders=((4, 1), (0, 2))),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_named_convolutions(dtype, shape):
    check(shape, dtype)


def test_sums_in_blocks(dtype):
    """More of w, and of dy, than fits into the cache: y and dw hold partial sums meanwhile."""
    shape = Shape((4, 5), 72, 40, (3, 2)) if JIT_ENABLED else Shape((2, 3), 72, 48, (2, 2))
    terms = shape.kernel[1] * shape.channels
    assert terms * min(shape.filters, 32) * dtype.itemsize * shape.kernel[0] > BLOCK_BYTES
    check(shape, dtype)
    check(Shape((30, 30), 1, 40, (2, 2)), dtype)


def chain(start, a, b):
    """start + a b in float32, one multiply-add after the other.

    In float64 a float32 product is exact, and rounding its sum twice gives what one rounding does but for luck.
    """
    total = np.array(start, np.float32)
    for k in range(len(b)):
        terms = a[..., k, np.newaxis].astype(np.float64) * b[k].astype(np.float64)
        if not (HAS_FMA and JIT_ENABLED):
            terms = terms.astype(np.float32)
        total = (total + terms).astype(np.float32)
    return total


@pytest.mark.parametrize("across", [2, 3], ids=["apart", "in strips"])
@pytest.mark.parametrize("filters", [1, 8, 16, 20, 40])
def test_each_output_is_one_chain_of_multiply_adds_in_order(filters, across):
    shape = Shape((6, 8), 5, filters, (3, across))
    x, w, b, dy = example(4, shape, np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(x, shape.kernel, (0, 1))  # lines, columns, C, taps
    if across == 3 and filters <= 16:
        taps, weights, whole = (0, 1, 3, 2, 4), w.swapaxes(1, 2), shape.output[1] // STRIP * STRIP
    else:
        taps, weights, whole = (0, 1, 3, 4, 2), w, shape.output[1]
    windows_in_order = windows.transpose(taps).reshape(*shape.output, shape.taps)
    y = chain(np.tile(b, (*shape.output, 1)), windows_in_order, weights.reshape(shape.taps, filters))
    assert_same_bits(forward(shape, x, w, b), y)

    parts = slice(0, whole), slice(whole, None)
    x_in_order = np.concatenate(
        [windows[:, part].transpose(3, 4, 2, 0, 1).reshape(shape.taps, -1) for part in parts], 1
    )
    dy_in_order = np.concatenate([dy[:, part].reshape(-1, filters) for part in parts])
    before = np.ascontiguousarray(w[::-1])
    dw = chain(before.reshape(-1, filters), x_in_order, dy_in_order)
    assert_same_bits(backward_kernel(shape, dy, x, before).reshape(dw.shape), dw)


@given(seed=SEEDS, shape=geometries(), data=st.data())
def test_bits_do_not_depend_on_the_tile(dtype, seed, shape, data):
    """Some filters alone, and the first line alone, have the bits that they have among the others."""
    x, w, b, dy = example(seed, shape, dtype)
    y, dw = forward(shape, x, w, b), backward_kernel(shape, dy, x)
    at_least = 17 if shape.kernel[1] == 3 and shape.filters > 16 else 1  # or they may be computed in strips
    first = data.draw(st.integers(0, shape.filters - at_least))
    last = data.draw(st.integers(first + at_least, shape.filters))
    some = Shape(shape.size, shape.channels, last - first, shape.kernel, *shape.options)
    own_y = forward(some, x, np.ascontiguousarray(w[..., first:last]), b[first:last])
    assert_same_bits(own_y, np.ascontiguousarray(y[..., first:last]))
    some_dy = np.ascontiguousarray(dy[..., first:last])
    assert_same_bits(backward_kernel(some, some_dy, x), np.ascontiguousarray(dw[..., first:last]))
    assert_same_bits(backward_bias(some_dy), np.ascontiguousarray(backward_bias(dy)[first:last]))
    lines = shape.dilation[0] * (shape.kernel[0] - 1) + 1
    top = shape.borders[0][0]
    if top == 0 and lines <= shape.size[0]:
        part = Shape((lines, shape.size[1]), shape.channels, shape.filters, shape.kernel, *shape.options[:2],
                     ((0, 0), shape.borders[1]))  # fmt: skip
        assert_same_bits(forward(part, x[:lines], w, b), y[:1])


def test_gradients_of_samples_add_up(dtype):
    shape = SHAPES["MNIST, second"] if JIT_ENABLED else SHAPES["strided"]
    x, _, _, dy = example(1, shape, dtype)
    _, _, _, other = example(2, shape, dtype)
    both = backward_kernel(shape, other, x, backward_kernel(shape, dy, x))
    exact_sum = backward_kernel(shape, exact(dy) + exact(other), exact(x))
    magnitude = backward_kernel(shape, np.abs(exact(dy)) + np.abs(exact(other)), np.abs(exact(x)))
    assert_close(both, exact_sum, magnitude)
    assert_close(
        backward_bias(other, backward_bias(dy)),
        exact(dy).sum((0, 1)) + exact(other).sum((0, 1)),
        np.abs(exact(dy)).sum((0, 1)) + np.abs(exact(other)).sum((0, 1)),
    )


@pytest.mark.parametrize(
    "shape",
    [
        Shape((5, 4), 2, 3, (2, 3), borders=((1, 0), (1, 1))),
        Shape((6, 5), 2, 3, (3, 2), strides=(2, 3)),
        Shape((6, 7), 2, 3, (3, 2), dilation=(2, 2)),
    ],
    ids=["bordered", "strided", "dilated"],
)
def test_central_differences(shape):
    x, w, b, dy = example(3, shape, np.float64)
    pairs = [
        (backward_input(shape, dy, w), lambda a: forward(shape, a, w, b), x),
        (backward_kernel(shape, dy, x), lambda a: forward(shape, x, a, b), w),
        (backward_bias(dy), lambda a: forward(shape, x, w, a), b),
    ]
    for gradient, function, argument in pairs:
        np.testing.assert_allclose(gradient, central_difference(function, argument, dy, 1e-5), rtol=1e-7, atol=1e-8)


def test_nan_reaches_the_windows_that_hold_it_and_no_other(dtype):
    shape = Shape((5, 6), 3, 9, (3, 2))
    x, w, b, dy = example(5, shape, dtype)
    x[1, 3, 2] = np.nan
    reached = np.zeros((3, 5), bool)
    reached[:2, 2:4] = True
    assert (np.isnan(forward(shape, x, w, b)) == reached[..., np.newaxis]).all()
    taps = np.isnan(backward_kernel(shape, dy, x))
    assert taps[:2, :, 2].all()
    assert not taps[:, :, :2].any()
    assert not taps[2].any()


def test_the_example_of_the_textbooks():
    """A 3x3 input and a 2x2 filter, every term written out."""
    shape = Shape((3, 3), 1, 1, (2, 2))
    (x11, x12, x13), (x21, x22, x23), (x31, x32, x33) = x = np.array([[1, 6, 2], [5, 3, 1], [7, 0, 4]], np.float64)
    (f11, f12), (f21, f22) = f = np.array([[1, 2], [-1, 3]], np.float64)
    (d11, d12), (d21, d22) = d = np.array([[2, -1], [4, 5]], np.float64)
    y = [
        [x11 * f11 + x12 * f12 + x21 * f21 + x22 * f22, x12 * f11 + x13 * f12 + x22 * f21 + x23 * f22],
        [x21 * f11 + x22 * f12 + x31 * f21 + x32 * f22, x22 * f11 + x23 * f12 + x32 * f21 + x33 * f22],
    ]
    df = [
        [x11 * d11 + x12 * d12 + x21 * d21 + x22 * d22, x12 * d11 + x13 * d12 + x22 * d21 + x23 * d22],
        [x21 * d11 + x22 * d12 + x31 * d21 + x32 * d22, x22 * d11 + x23 * d12 + x32 * d21 + x33 * d22],
    ]
    dx = [
        [f11 * d11, f12 * d11 + f11 * d12, f12 * d12],
        [f21 * d11 + f11 * d21, f22 * d11 + f21 * d12 + f12 * d21 + f11 * d22, f22 * d12 + f12 * d22],
        [f21 * d21, f22 * d21 + f21 * d22, f22 * d22],
    ]
    x, f, d = x[..., np.newaxis], f[..., np.newaxis, np.newaxis], d[..., np.newaxis]
    assert forward(shape, x, f, np.zeros(1))[..., 0].tolist() == y == [[17, 10], [4, 17]]
    assert backward_kernel(shape, d, x)[..., 0, 0].tolist() == df
    assert backward_input(shape, d, f)[..., 0].tolist() == dx
    assert backward_bias(d).tolist() == [10]
