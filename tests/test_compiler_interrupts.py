"""Ctrl-C while a kernel compiles: wherever it comes, it is raised soon, and the kernel can be compiled again."""

import signal
import sys
import threading

import numpy as np
import pytest

from fastnn.kernels.calls import entry_point
from fastnn.kernels.interrupts import compiling_unless, held_back
from fastnn.kernels.jit import JIT_ENABLED, jit

needs_compiler = pytest.mark.skipif(not JIT_ENABLED, reason="plain Python compiles nothing")
OTHER = getattr(signal, "SIGUSR1", signal.SIGTERM)


@pytest.fixture(autouse=True)
def handlers():
    """Sets handlers for the time of a test; Ctrl-C works here also where this process was started without it."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, OTHER)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.signal
    for number, handler in before.items():
        signal.signal(number, handler)


# ---------------------------------------------------------------------------------------------------------------------
# Holding back.


def come_while_held_back(*numbers):
    with held_back():
        for number in numbers:
            signal.raise_signal(number)


def test_ctrl_c_comes_at_the_end():
    reached = []

    def work():
        with held_back():
            come_while_held_back(signal.SIGINT, signal.SIGINT)
            reached.append("the end")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == ["the end"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    come_while_held_back()  # what came before is forgotten


def test_handlers_of_ones_own_are_called_and_kept(handlers):
    came = []

    def handler(number, frame):
        came.append((number, frame.f_code.co_name))

    for number in (signal.SIGINT, OTHER):
        handlers(number, handler)
    with held_back():
        for number in (signal.SIGINT, OTHER):
            signal.raise_signal(number)
        assert came == []
    assert {number for number, _ in came} == {signal.SIGINT, OTHER}
    assert all(signal.getsignal(number) is handler for number in (signal.SIGINT, OTHER))


def test_one_handlers_error_does_not_lose_another_signal(handlers):
    came = []
    handlers(OTHER, lambda number, frame: came.append(number))
    with pytest.raises(KeyboardInterrupt):
        come_while_held_back(OTHER, signal.SIGINT)
    assert came == [OTHER]
    with pytest.raises(KeyboardInterrupt):
        come_while_held_back(signal.SIGINT, OTHER)
    assert came == [OTHER, OTHER]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("ignored", [signal.SIG_IGN, signal.SIG_DFL])
def test_what_python_does_not_handle_is_left_alone(ignored, handlers):
    handlers(OTHER, ignored)
    with held_back():
        assert signal.getsignal(OTHER) == ignored
    assert signal.getsignal(OTHER) == ignored


def test_errors_pass():
    with pytest.raises(ZeroDivisionError), held_back():
        1 / 0  # noqa: B018
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_change_no_handlers():
    seen = []

    def work():
        with held_back():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


# ---------------------------------------------------------------------------------------------------------------------
# While a kernel compiles.


def calling(place, what):
    """A profiler that calls `what` at the first call of a function of this name, and a list: not empty from then on."""
    called = []

    def profile(frame, event, argument):
        if event == "call" and frame.f_code.co_name == place and not called:
            called.append(place)
            what()

    return profile, called


# Of Numba, from the frontend to the address. LLVM calls the hooks: an exception in them gets lost, and the machine code
# with it.
PLACES = [
    "compile_extra", "propagate", "lower_normal_function", "_optimize_final_module", "_finalize_final_module",
    "_object_compiled_hook", "_object_getbuffer_hook", "insert_user_function", "add_overload", "save_overload",
    "get_pointer_to_function",
]  # fmt: skip


def new_kernel():
    """Not compiled yet, with a call of another one. It is not from kernels/, and therefore not kept on the disk."""

    @jit
    def increased(number):
        return np.maximum(number, 0) + 1

    @jit
    def increase(y, x):
        for i in range(x.shape[0]):
            y[i] = increased(x[i])

    return increase


def compiled_with(profile, kernel, use=entry_point):
    """Compile the kernel under a profiler, for its address or for a call from Python."""
    sys.setprofile(profile)
    try:
        return use(kernel, np.ones(3), np.ones(3))
    finally:
        sys.setprofile(None)


def call(kernel, *arguments):
    kernel(*arguments)


def assert_works(kernel):
    y = np.zeros(3)
    kernel(y, np.array([-1.0, 2.0, 3.0]))
    assert y.tolist() == [1, 3, 4]
    assert entry_point(kernel, np.ones(3), np.ones(3)) > 0


@needs_compiler
@pytest.mark.parametrize(
    ("place", "use"), [*((p, entry_point) for p in PLACES), *((p, call) for p in PLACES if "pointer" not in p)]
)
def test_ctrl_c_at_any_place(place, use):
    kernel = new_kernel()
    profile, called = calling(place, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        compiled_with(profile, kernel, use)
    assert called == [place]
    assert_works(kernel)


@needs_compiler
def test_ctrl_c_ends_a_compilation_before_its_next_pass():
    """A large kernel takes seconds: longer than anyone likes to wait."""
    kernel = new_kernel()
    profile, called = calling("type_inference_stage", lambda: signal.raise_signal(signal.SIGINT))
    lowered, too_late = calling("lower_normal_function", lambda: None)

    def both(*event):
        profile(*event)
        lowered(*event)

    with pytest.raises(KeyboardInterrupt):
        compiled_with(both, kernel)
    assert called
    assert not too_late


@needs_compiler
@pytest.mark.parametrize("place", ["propagate", "_object_compiled_hook"])
def test_a_handler_that_raises_nothing_does_not_end_it(place, handlers):
    came = []
    handlers(signal.SIGINT, lambda number, frame: came.append(number))
    kernel = new_kernel()
    profile, called = calling(place, lambda: signal.raise_signal(signal.SIGINT))
    assert compiled_with(profile, kernel) > 0
    assert called == [place]
    assert came == [signal.SIGINT]
    assert_works(kernel)


@needs_compiler
def test_another_thread_stops_when_it_is_told():
    kernel, asked, ended = new_kernel(), threading.Event(), []

    def work():
        try:
            with compiling_unless(asked.is_set):
                asked.set()
                entry_point(kernel, np.ones(3), np.ones(3))
        except KeyboardInterrupt:
            ended.append("at the next pass")
        assert_works(kernel)  # outside of that block nothing stops it
        ended.append("works")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended == ["at the next pass", "works"]
