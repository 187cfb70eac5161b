"""Who helps whom: the crew by itself, with runs written in Python, and whole models under Ctrl-C at every line."""

import asyncio
import gc
import sys
import threading
import time
import weakref

import numpy as np
import pytest

import fastnn
from fastnn.engine import crew as module
from fastnn.engine import threads
from fastnn.engine.crew import Crew, crew
from fastnn.kernels.interpreter import run as interpreter
from fastnn.kernels.jit import JIT_ENABLED
from fastnn.kernels.shares import GENERATION, STOP

from ..small_models import train_new_wide
from ..subprocesses import run_python

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="in plain Python nobody helps")
SECONDS = 60  # far more than anything here needs


@pytest.fixture
def make_crew():
    made = []

    def make(size):
        made.append(Crew(size))
        return made[-1]

    yield make
    for one in made:
        one.stop()


class Meeting:
    """A run, in Python, whose leader waits until `count` helpers have come, or for a moment if none is expected."""

    def __init__(self, count):
        self.count, self.came, self.numbers = count, threading.Semaphore(0), []

    def __call__(self, board, number):
        self.numbers.append(number)
        if number > 0:
            self.came.release()
            while board[GENERATION] != STOP:
                time.sleep(0.001)
            return
        for _ in range(self.count):
            assert self.came.acquire(timeout=SECONDS)
        if self.count == 0:
            assert not self.came.acquire(timeout=0.05)


def met(crew, shares, count):
    """Lead a run that `count` helpers join; they have gone when it returns."""
    meeting = Meeting(count)
    crew.lead(meeting, (), shares)
    assert sorted(meeting.numbers) == list(range(count + 1))


def settled(condition):
    until = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.001)
    return True


def test_as_many_help_as_there_are_shares_and_cores(make_crew):
    four = make_crew(4)
    for shares, helpers in ((2, 1), (1, 0), (4, 3), (3, 2), (100, 3), (2, 1)):
        met(four, shares, helpers)
    alone = make_crew(1)
    met(alone, 4, 0)
    assert alone._helpers == set()


def test_helpers_are_free_again_as_soon_as_a_run_is_over(make_crew):
    """Although they may still be on their way out: they return to Python when they get the GIL."""
    two = make_crew(2)
    for _ in range(200):
        met(two, 2, 1)
    assert len(two._helpers) == 1


def test_leaders_share_the_cores(make_crew):
    three, other, go_on = make_crew(3), threading.Event(), threading.Event()

    def lead(board, number):
        other.set()
        assert go_on.wait(SECONDS)

    leader = threading.Thread(target=three.lead, args=(lead, (), 1))
    leader.start()
    assert other.wait(SECONDS)
    assert three.working == 1
    met(three, 3, 1)  # one core is the other leader's
    with three.at_work():
        met(three, 3, 1)  # this thread itself counts once
        assert three.working == 2
    go_on.set()
    leader.join(SECONDS)
    assert three.working == 0
    met(three, 3, 2)


def test_a_thread_that_is_at_work_between_its_runs(make_crew):
    two, begun, go_on = make_crew(2), threading.Event(), threading.Event()

    def work():
        with two.at_work():
            begun.set()
            assert go_on.wait(SECONDS)

    worker = threading.Thread(target=work)
    worker.start()
    assert begun.wait(SECONDS)
    met(two, 2, 0)
    go_on.set()
    worker.join(SECONDS)
    met(two, 2, 1)


def test_helpers_keep_nothing_of_a_run(make_crew):
    two, array = make_crew(2), np.zeros(3)
    gone = weakref.ref(array)

    def run(array, board, number):
        if number == 0:
            time.sleep(0.02)

    two.lead(run, (array,), 2)
    del array
    assert settled(lambda: gone() is None)


@pytest.mark.parametrize("guilty", [0, 1])
def test_an_error_ends_the_run_for_all(guilty, make_crew, monkeypatch):
    two, came, told = make_crew(2), threading.Event(), []
    monkeypatch.setattr(threading, "excepthook", lambda info: told.append(info.exc_type))

    def run(board, number):
        if number == 1:
            came.set()
        assert came.wait(SECONDS)
        if number == guilty:
            raise MemoryError
        assert number == 0 or settled(lambda: board[GENERATION] == STOP)

    if guilty == 0:
        with pytest.raises(MemoryError):
            two.lead(run, (), 2)
    else:
        two.lead(run, (), 2)
        assert settled(lambda: told == [MemoryError])  # its thread has ended: the next run starts another one
    assert settled(lambda: two.working == 0)
    met(two, 2, 1)


def test_no_more_threads_to_be_had(make_crew, monkeypatch):
    def fails(thread):
        raise RuntimeError("can't start new thread")

    two = make_crew(2)
    monkeypatch.setattr(threading.Thread, "start", fails)
    met(two, 2, 0)
    monkeypatch.undo()
    met(two, 2, 1)


def test_a_stopped_crew(make_crew):
    three = make_crew(3)
    met(three, 3, 2)
    helpers = list(three._helpers)
    assert all(helper.daemon for helper in helpers)
    three.stop()
    assert settled(lambda: not any(helper.is_alive() for helper in helpers))
    met(three, 3, 0)


def test_a_process_ends_with_its_crew():
    """Also from a function that runs at the end, and while a thread that nobody waits for leads a run."""
    script = """
        import atexit, threading, numpy as np, fastnn
        from fastnn.engine.crew import crew
        crew._size = 2
        fastnn.set_num_threads(2)
        x, y = np.ones((600, 300), np.float32), np.arange(600) % 3
        def model():
            new = fastnn.Sequential([fastnn.Input((300,)), fastnn.layers.Dense(200, "relu"), fastnn.layers.Dense(3)])
            new.compile("sgd", fastnn.losses.SparseCategoricalCrossentropy(from_logits=True))
            new.fit(x, y, verbose=0)
            return new
        at_the_end = model()
        atexit.register(lambda: print(at_the_end.predict(x).shape, flush=True))
        begun = threading.Event()
        says = fastnn.callbacks.LambdaCallback(on_epoch_end=lambda *_: begun.set())
        endless = threading.Thread(target=model().fit, args=(x, y), daemon=True,
                                   kwargs={"epochs": 10**9, "verbose": 0, "callbacks": says})
        endless.start()
        assert begun.wait(60)
    """
    ran = run_python(script, timeout=SECONDS)
    assert ran.stdout == "(600, 3)\n"
    assert "Traceback" not in ran.stderr


# ---------------------------------------------------------------------------------------------------------------------
# Ctrl-C, at each line of the crew's code.


class Interrupt:
    """Raises KeyboardInterrupt at the n-th line of crew.py that this thread executes."""

    def __init__(self, n):
        self.left = n

    def __call__(self, frame, what, argument):
        if frame.f_code.co_filename != module.__file__:
            return None
        if what == "line":
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self

    def __enter__(self):
        sys.settrace(self)

    def __exit__(self, *_):
        sys.settrace(None)


def test_ctrl_c_at_any_line_leaves_a_crew_that_helps(make_crew):
    interrupted, n = 0, 0
    while interrupted == n:
        n += 1
        two = make_crew(2)
        if n % 2:  # with a helper that is there already
            met(two, 2, 1)
        runs = []

        def run(board, number, runs=runs):
            runs.append(board)
            if number > 0:  # as the interpreter does: its patience is short here
                until = time.monotonic() + 0.05
                while board[GENERATION] != STOP and time.monotonic() < until:
                    time.sleep(0.001)

        try:
            with Interrupt(n):
                two.lead(run, (), 2)
        except KeyboardInterrupt:
            interrupted += 1
        two.lead(run, (), 2)
        assert settled(lambda two=two: two.working == 0), n
        met(two, 2, 1)
    assert interrupted > 15


def test_a_helper_whose_leader_never_comes_leaves():
    """It has been interrupted after calling for help."""
    board = module.new_board(2)
    board[module.NAPS] = 100
    model = fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Dense(2)])
    model.predict(np.ones((20, 3)))
    program = model._programs["predict"].runner
    samples = fastnn.engine.run.Samples(fastnn.checks.read_only(np.ones((20, 3), np.float32)))
    job = fastnn.engine.run.Run(samples, 20, np.zeros((1, 0)), predictions=np.zeros((20, 2), np.float32))
    helper = threading.Thread(target=interpreter, args=(*program.arguments(job, 1, 2), board, 1))
    helper.start()
    helper.join(SECONDS)
    assert not helper.is_alive()
    assert board[GENERATION] == 0


# ---------------------------------------------------------------------------------------------------------------------
# Models.


@pytest.fixture
def many_cores(monkeypatch):
    """Helpers as on a machine with four cores."""
    monkeypatch.setattr(crew, "_size", 4)
    monkeypatch.setattr(threads, "_asked", 4)


def test_helpers_take_their_part_of_a_training(many_cores, monkeypatch):
    helped = []
    join = Crew._join
    monkeypatch.setattr(Crew, "_join", lambda self, run, number: (helped.append(number), join(self, run, number)))
    here = train_new_wide(3)
    assert settled(lambda: set(helped) >= {1, 2, 3})
    monkeypatch.setattr(threads, "_asked", 1)
    assert train_new_wide(3) == here


def test_executors_of_asyncio(many_cores):
    expected = [train_new_wide(seed) for seed in range(3)]

    async def train():
        return await asyncio.gather(*(asyncio.to_thread(train_new_wide, seed) for seed in range(3)))

    assert asyncio.run(train()) == expected


@pytest.mark.parametrize("backend", ["threading", "loky", "multiprocessing"])
def test_joblib(backend, many_cores):
    joblib = pytest.importorskip("joblib", reason="scikit-learn brings it")
    expected = [train_new_wide(seed) for seed in range(3)]
    jobs = (joblib.delayed(train_new_wide)(seed) for seed in range(3))
    assert joblib.Parallel(2, backend=backend, timeout=SECONDS)(jobs) == expected


def test_models_are_freed_although_helpers_have_seen_them(many_cores):
    model = fastnn.Sequential([fastnn.Input((300,)), fastnn.layers.Dense(200)])
    model.predict(np.ones((2000, 300)))
    gone = weakref.ref(model.weights[0])
    gc.disable()
    try:
        del model
        assert settled(lambda: gone() is None)
    finally:
        gc.enable()
