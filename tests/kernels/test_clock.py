"""The clocks of a profile: every time is counted where it belongs, and the results are those without clocks."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, optimizers
from fastnn.engine.profiling import TimedProgram
from fastnn.engine.program import Program
from fastnn.engine.run import Run, Samples
from fastnn.engine.tables import table, weight_table
from fastnn.kernels import clock
from fastnn.kernels.arrays import ROWS as TILE
from fastnn.kernels.instructions import BACKWARD, COPIES, FORWARD, GRADIENT, INSTRUCTION
from fastnn.losses import MeanSquaredError

ROWS, BATCH, EPOCHS = 20, 8, 2  # three steps an epoch


def network(dtype, clipped):
    fastnn.utils.set_random_seed(3)
    model = fastnn.Sequential([fastnn.Input((5,)), layers.Dense(7, "tanh", dtype=dtype)])
    model.add(layers.Dropout(0.2, dtype=dtype))
    model.add(layers.Dense(2, dtype=dtype))
    model.compile(optimizers.Adam(0.01, global_clipnorm=0.1 if clipped else None), "mse", ["mae"])
    return model


def ran(kind, model, x, y, threads=None):
    """A program for the model after a whole run, and the run."""
    program = kind(model.layers, BATCH, (5,), False, True, MeanSquaredError(), model.metrics, model.optimizer)
    if threads is not None:
        program.begin(3 * EPOCHS, threads)
    run = Run(Samples(x, y), BATCH, np.zeros((EPOCHS, program.values)), model.optimizer, seed=5)
    while not run.finished:
        program.run(run)
    return program, run


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("clipped", [False, True])
def test_a_run_with_clocks(dtype, rng, clipped, threads):
    x, y = rng.normal(size=(ROWS, 5)).astype(dtype), rng.normal(size=(ROWS, 2)).astype(dtype)
    model = network(dtype, clipped)
    program, run = ran(TimedProgram, model, x, y, threads)
    counted = program.counted(run)

    # The parts are the whole, and none is negative.
    parts = [counted.operations.sum(axis=(1, 2)), counted.steps.sum(axis=1), counted.updates.sum(axis=1)]
    parts += [counted.interpreter, counted.waiting, counted.clocks]
    parts += [np.full(threads, each) for each in (counted.between, counted.shuffling, counted.python)]
    np.testing.assert_allclose(np.sum(parts, axis=0), counted.seconds, rtol=1e-6)
    assert min(part.min() for part in parts) >= -1e-9
    assert min(counted.between, counted.shuffling, counted.python) > 0

    # Everything is counted as often as it was called, for its own layer.
    places = [note.operation for note in program.notes]
    calls = program.clock[1:, clock.HEAD : clock.HEAD + 3 * clock.TASKS * len(places)].reshape(
        threads, -1, clock.TASKS, 3
    )
    calls = calls[..., clock.CALLS].sum(axis=0)
    first, tanh, last = places.index("dense"), places.index("tanh"), len(places) - 1 - places[::-1].index("dense")
    assert program.notes[last].layer == model.layers[-1].name
    assert program.notes[tanh].layer == program.notes[first].layer == model.layers[0].name
    assert (calls[[tanh, last]][:, [FORWARD, BACKWARD]] >= 3 * EPOCHS).all()
    assert calls[first, FORWARD] == calls[last, FORWARD]
    assert (calls[[first, last], GRADIENT] >= 3 * EPOCHS).all()
    assert calls[tanh, GRADIENT] == calls[first, COPIES] == 0
    assert calls[last, COPIES] >= 3 * EPOCHS
    assert counted.steps.sum() > 0
    assert (counted.updates.sum() > 0) == clipped
    assert (counted.operations[:, tanh, FORWARD] > 0).sum() == min(threads, -(-BATCH // TILE))

    # And the weights are those of the same run without clocks.
    same = network(dtype, clipped)
    _, plain = ran(Program, same, x, y)
    np.testing.assert_array_equal(plain.log, run.log)
    for got, expected in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_the_head_of_a_row_is_not_written(dtype, rng):
    x, y = rng.normal(size=(ROWS, 5)).astype(dtype), rng.normal(size=(ROWS, 2)).astype(dtype)
    program, _ = ran(TimedProgram, network(dtype, False), x, y, 2)
    assert (program.clock[:, : clock.HEAD] == program.clock[0, : clock.HEAD]).all()
    assert program.clock[0, clock.ROW_LENGTH] == program.clock.shape[1]
    assert (program.clock[0, clock.HEAD :] >= 0).all()


def test_more_steps_than_there_is_room_for(dtype, rng):
    """They are counted, but their times are not kept: nothing is written behind a row."""
    x, y = rng.normal(size=(ROWS, 5)).astype(dtype), rng.normal(size=(ROWS, 2)).astype(dtype)
    model = network(dtype, False)
    program, _ = ran(TimedProgram, model, x, y, 2)
    program.begin(1, 2)
    before = program.clock[:, : clock.HEAD].copy()
    run = Run(Samples(x, y), BATCH, np.zeros((1, program.values)), model.optimizer, model.optimizer.iterations)
    while not run.finished:
        program.run(run)
    np.testing.assert_array_equal(program.clock[:, : clock.HEAD], before)
    traces = program.clock[1:, program.clock[0, clock.TRACES] :][:, : 3 * len(program.plan.stages)]
    assert (traces.reshape(2, -1, 3)[..., 0] == 3).all()


def test_what_was_skipped_is_counted_only_in_a_profile(dtype):
    """Two tiles of rows, whose lists have 5 of 2 * 10 terms; 3 columns."""
    ins = table([{"place": 1, "outputs": 3}], INSTRUCTION)[0]
    weights = weight_table([], dtype)
    clock.count_skipped(weights, ins, GRADIENT, 2 * TILE, 10, 5)  # without a profile: nothing happens
    counts = np.zeros(clock.HEAD + clock.COUNTERS * clock.TASKS * 2, np.int64)
    for _ in range(2):
        clock.count_skipped(weights._replace(clock=counts), ins, GRADIENT, 2 * TILE, 10, 5)
    by_task = counts[clock.HEAD :].reshape(2, clock.TASKS, clock.COUNTERS)
    assert by_task[1, GRADIENT, clock.SKIPPED] == counts.sum() == 2 * 15 * TILE * 3


def test_the_clock_goes_on():
    began = clock.now()
    assert clock.ticks_of_readings(100) > 0
    assert clock.now() > began
