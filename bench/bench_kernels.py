"""Every kernel next to its NumPy reference, float32; on one thread, products and convolutions also on all."""

import numba
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import fastnn
from bench.peers.with_fastnn import Convolver, OneLayer
from bench.workloads import Convolution, mnist
from fastnn import layers
from fastnn.engine.parameters import aligned_zeros
from fastnn.engine.peak import peak_and_tile
from fastnn.kernels import batches, dense, elementary
from fastnn.kernels.arrays import padded, stride
from tests import cases
from tests.reference import activations as activations_reference
from tests.reference import batches as batches_reference
from tests.reference import dense as dense_reference

F32 = np.dtype(np.float32)
ROWS, INPUTS, OUTPUTS = 128, 784, 256  # the larger layer of the default network, for one batch
PARAMETERS = 203_530  # of that network

both = pytest.mark.parametrize("who", ["fastnn", "numpy"])


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1, "blas"):
        yield


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def by_name(table):
    return pytest.mark.parametrize("case", table, ids=lambda case: case.name)


def matrix(rng, rows, columns):
    return rng.standard_normal((rows, columns), np.float32)


def padded_copy(values):
    """A copy in the layout of the kernels: padded to whole tiles of rows and whole vectors of columns."""
    rows, columns = values.shape
    result = aligned_zeros(padded(rows) * stride(columns, F32), F32).reshape(padded(rows), -1)
    result[:rows, :columns] = values
    return result


def zeros_row(columns):
    return aligned_zeros(stride(columns, F32), F32)


def in_place(benchmark, function, *arrays):
    """Time a function that modifies its arguments: every round gets new copies, and copying is not timed."""
    benchmark.pedantic(function, setup=lambda: (tuple(a.copy() for a in arrays), {}), rounds=300, warmup_rounds=10)


def record_speed(benchmark, record_property, operations):
    """GFLOP/s, for the summary and for the JSON file."""
    if benchmark.stats:
        speed = benchmark.extra_info["GFLOP/s"] = round(operations / benchmark.stats.stats.median / 1e9, 1)
        record_property("GFLOP/s", speed)


# Products and the dense layer


@pytest.mark.parametrize("threads", ["one", "all"])
@pytest.mark.parametrize(
    "shape", [(ROWS, INPUTS, OUTPUTS), (1024,) * 3, (2048,) * 3], ids=lambda s: "x".join(map(str, s))
)
@both
def bench_tile(benchmark, record_property, rng, who, shape, threads):
    benchmark.group = f"product {' x '.join(map(str, shape))}, {threads} threads"
    rows, depth, columns = shape
    a, b = matrix(rng, rows, depth), matrix(rng, depth, columns)
    n = 1 if threads == "one" else fastnn.get_num_threads()
    if who == "numpy":
        with threadpool_limits(n, "blas"):
            benchmark(np.matmul, a, b, out=np.empty((rows, columns), np.float32))
    elif threads == "one":
        c = padded_copy(np.zeros((rows, columns), np.float32))
        benchmark(dense.dense_forward, c, padded_copy(a), padded_copy(b), zeros_row(columns), rows, depth, columns)
    else:
        benchmark(OneLayer(layers.Dense(columns, use_bias=False), a, b, n).run, 1)
    record_speed(benchmark, record_property, 2.0 * rows * depth * columns)


@pytest.mark.parametrize("threads", ["one", "all"])
@pytest.mark.parametrize("channels", [(1, 8), (8, 16), (16, 8), (16, 16), (64, 64)], ids=lambda c: f"{c[0]}-{c[1]}")
def bench_convolution(benchmark, record_property, channels, threads):
    """3x3, padded, 16 images of 28x28; also records the machine's peak on as many threads, measured just before."""
    benchmark.group = f"convolution, {threads} threads"
    workload = Convolution("", 16, 28, *channels)
    n = 1 if threads == "one" else fastnn.get_num_threads()
    peak, _ = peak_and_tile(n)
    benchmark(Convolver(workload, n).run, 1)
    operations = 2.0 * workload.rows * workload.size**2 * 9 * channels[0] * channels[1]
    record_speed(benchmark, record_property, operations)
    record_property(f"GFLOP/s, the peak of {n} threads", round(peak, 1))


@both
def bench_dense_forward(benchmark, rng, who):
    benchmark.group = "dense forward"
    x, w, b = matrix(rng, ROWS, INPUTS), matrix(rng, INPUTS, OUTPUTS), matrix(rng, 1, OUTPUTS)[0]
    if who == "numpy":
        benchmark(dense_reference.dense_forward, x, w, b)
    else:
        y, bias = padded_copy(np.zeros((ROWS, OUTPUTS), F32)), padded_copy(b[np.newaxis])[0]
        benchmark(dense.dense_forward, y, padded_copy(x), padded_copy(w), bias, ROWS, INPUTS, OUTPUTS)


@both
def bench_dense_backward_input(benchmark, rng, who):
    benchmark.group = "dense backward, input"
    dy, w = matrix(rng, ROWS, OUTPUTS), matrix(rng, INPUTS, OUTPUTS)
    if who == "numpy":
        benchmark(lambda: dy @ w.T)
    else:
        dx, w_transposed = padded_copy(np.zeros((ROWS, INPUTS), F32)), padded_copy(np.ascontiguousarray(w.T))
        zeros = zeros_row(INPUTS)
        benchmark(dense.dense_backward_input, dx, padded_copy(dy), w_transposed, zeros, ROWS, INPUTS, OUTPUTS)


@both
def bench_dense_backward_kernel(benchmark, rng, who):
    benchmark.group = "dense backward, kernel"
    dy, x = matrix(rng, ROWS, OUTPUTS), matrix(rng, ROWS, INPUTS)
    if who == "numpy":
        dw = np.empty((INPUTS, OUTPUTS), F32)
        benchmark(lambda: np.matmul(x.T, dy, out=dw))
    else:
        dw, zeros = padded_copy(np.zeros((INPUTS, OUTPUTS), F32)), zeros_row(OUTPUTS)
        benchmark(dense.dense_backward_kernel, dw, padded_copy(x), padded_copy(dy), zeros, 0, INPUTS, ROWS, OUTPUTS)


@both
def bench_dense_backward_bias(benchmark, rng, who):
    benchmark.group = "dense backward, bias"
    dy = matrix(rng, ROWS, OUTPUTS)
    if who == "numpy":
        benchmark(lambda: dy.sum(axis=0))
    else:
        db, one, zeros = padded_copy(np.zeros((1, OUTPUTS), F32)), np.ones(1, F32), zeros_row(OUTPUTS)
        benchmark(dense.dense_backward_bias, db, padded_copy(dy), one, zeros, ROWS, OUTPUTS)


# Activations, losses, metrics and optimizers, from the table of tests/cases.py. Dropout and noise are left out: their
# references are written for clarity, not speed.

KERNELS = [case for case in cases.LAYERS if case.forward_kernel is not None]
ACTIVATIONS = [case for case in KERNELS if hasattr(activations_reference, f"{case.name}_forward")]


@by_name(ACTIVATIONS)
@both
def bench_activation_forward(benchmark, rng, who, case):
    benchmark.group = f"{case.name}, forward"
    x = cases.logits(rng, ROWS, OUTPUTS, F32)
    if who == "numpy":
        benchmark(case.forward, x)
    else:
        in_place(benchmark, case.forward_kernel, x)


@by_name(ACTIVATIONS)
@both
def bench_activation_backward(benchmark, rng, who, case):
    benchmark.group = f"{case.name}, backward"
    x, dy = cases.logits(rng, ROWS, OUTPUTS, F32), cases.normal(rng, ROWS, OUTPUTS, F32)
    y = case.forward(x).astype(F32)
    if who == "numpy":
        benchmark(case.backward, dy, x, y)
    else:
        in_place(benchmark, case.backward_kernel, dy, x if case.from_input else y)


@by_name(cases.LOSSES)
@both
def bench_loss(benchmark, rng, who, case):
    benchmark.group = f"{case.name}, with its gradient"
    columns = 10 if case.targets in (cases.labels, cases.probabilities) else INPUTS
    y, targets = case.outputs(rng, ROWS, columns, F32), case.targets(rng, ROWS, columns, F32)
    scale = np.full(ROWS, 1 / ROWS, F32)
    if who == "numpy":
        benchmark(case.reference, y, targets, scale, *case.numbers)
    else:
        values, dx = np.empty(ROWS, F32), np.empty_like(y)
        in_place(benchmark, lambda y: case.kernel(values, dx, y, targets, scale, *case.numbers, columns), y)


@by_name(cases.METRICS)
@both
def bench_metric(benchmark, rng, who, case):
    benchmark.group = f"{case.name}, metric"
    y, targets = case.outputs(rng, ROWS, 10, F32), case.targets(rng, ROWS, 10, F32)
    if who == "numpy":
        benchmark(case.reference, y, targets, *case.numbers)
    else:
        benchmark(case.kernel, np.empty(ROWS, F32), y, targets, *case.numbers, 10)


@by_name(list({case.kernel_name: case for case in cases.SUMS}.values()))
@both
def bench_sums(benchmark, rng, who, case):
    benchmark.group = f"{case.kernel_name}, metric"
    y, targets = case.outputs(rng, ROWS, 10, F32), case.targets(rng, ROWS, 10, F32)
    if who == "numpy":
        benchmark(case.sums, y, targets, *case.arguments(10, F32))
    else:
        state = np.zeros(case.make().state_size(10))
        benchmark(case.kernel, state, y, targets, *case.arguments(10, F32), ROWS, 10)


@by_name(cases.OPTIMIZERS)
@both
def bench_optimizer(benchmark, rng, who, case):
    benchmark.group = f"{case.name}, {PARAMETERS:,} parameters"
    p, g = rng.standard_normal((2, PARAMETERS), np.float32)
    slots = [np.full(PARAMETERS, case.slot_start, F32) for _ in range(case.slots)]
    benchmark(case.reference if who == "numpy" else case.kernel, p, g, *slots, step=3)


# Batches


@both
def bench_shuffle(benchmark, rng, who):
    benchmark.group = "shuffle 60,000"
    if who == "numpy":
        benchmark(batches_reference.shuffle, 60_000, rng)
    else:
        benchmark(batches.shuffle, np.arange(60_000), 1, 2)


@both
def bench_gather(benchmark, rng, who):
    benchmark.group = "gather 128 images of 784 bytes, scaled"
    source, order = mnist()[0], rng.permutation(60_000)
    if who == "numpy":
        benchmark(batches_reference.gather, source, order[:ROWS], 1 / 255)
    else:
        benchmark(batches.gather, np.empty((ROWS, INPUTS), F32), source, order, 0, 1 / 255, 0.0)


# Elementary functions, which kernels call inside their loops, compared with NumPy's own rather than the references.


def _loop(function):
    @numba.njit(error_model="numpy")
    def apply(x, y):
        for i in range(x.size):
            y[i] = function(x[i])

    return apply


ELEMENTARY = {
    "exp": (elementary.exp, np.exp),
    "log": (elementary.log, np.log),
    "log1p": (elementary.log1p, np.log1p),
    "tanh": (elementary.tanh, np.tanh),
    "logistic": (elementary.logistic, lambda x, y: np.divide(1, 1 + np.exp(-x), out=y)),
}


@pytest.mark.parametrize("name", ELEMENTARY)
@both
def bench_elementary(benchmark, rng, who, name):
    benchmark.group = f"{name} of {ROWS * OUTPUTS:,} numbers"
    x = rng.uniform(0.1, 5, ROWS * OUTPUTS).astype(F32)
    own, numpys = ELEMENTARY[name]
    benchmark(_loop(own) if who == "fastnn" else numpys, x, np.empty_like(x))
