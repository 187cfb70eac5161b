"""Ctrl-C while kernels compile: Numba and LLVM do not survive an exception at any place.

A signal's handler runs wherever Python happens to be. KeyboardInterrupt within one of LLVM's callbacks gets lost and
leaves a library without machine code; elsewhere it leaves one half made. So while a kernel compiles or is loaded,
handlers wait for the start of the compiler's next pass, where Numba expects errors of all kinds, or for the end: about
a second.

Python runs handlers in the main thread only. Other threads can be told to stop by `compiling_unless`.
"""

import _signal  # type: ignore[import-not-found]  # `signal` looks up names of handlers, which takes ten times as long
import contextlib
import signal
import threading

from numba.core import event

_SIGNALS = sorted(signal.valid_signals())

_holding = False
_handlers: dict = {}  # signal: the handler that `_later` stands in for
_came: dict = {}  # signal: the frame that it came in


def _later(number, frame):
    if _holding:
        _came[number] = frame
    else:  # an exception from another handler kept this one from being put back
        _handlers[number](number, frame)


def _handle():
    if _came:
        number, frame = _came.popitem()
        try:
            _handlers[number](number, frame)
        finally:
            _handle()  # the others, whatever this one raises


@contextlib.contextmanager
def held_back():
    """While the main thread is in this block, handlers of signals wait for a place where they may raise."""
    global _holding
    if _holding or threading.current_thread() is not threading.main_thread():
        yield
        return
    _came.clear()
    try:
        _holding = True
        for number in _SIGNALS:
            handler = _signal.getsignal(number)
            if callable(handler) and handler is not _later:  # neither ignored, nor the system's default
                _handlers[number] = handler
                _signal.signal(number, _later)
        yield
    finally:
        _holding = False
        for number, handler in _handlers.items():
            if _signal.getsignal(number) is _later:
                _signal.signal(number, handler)
        _handle()


class _Stops(threading.local):
    """In each thread, a function that says whether it should stop compiling."""

    asked = staticmethod(lambda: False)


_stops = _Stops()


@contextlib.contextmanager
def compiling_unless(stopped):
    """In this block, the thread's compilations end with KeyboardInterrupt soon after `stopped()` is true."""
    _stops.asked = stopped
    try:
        yield
    finally:
        del _stops.asked


class _BeforeEachPass(event.Listener):
    def on_start(self, _):
        if threading.current_thread() is threading.main_thread():
            if _holding:
                _handle()
        elif _stops.asked():
            raise KeyboardInterrupt

    def on_end(self, _):
        pass


event.register("numba:run_pass", _BeforeEachPass())
