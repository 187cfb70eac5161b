"""Which thread may use a model, and when."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..engine.locks import renewed_in_children


class Turns:
    """The turns that threads take with one model.

    Attributes:
        lock: held only while a program runs, so training releases it often, and other threads can predict in between.
    """

    def __init__(self) -> None:
        self.lock: Any = threading.RLock()
        self._fitting: Any = threading.RLock()
        self._in_fit = False
        renewed_in_children(self)

    def renew_locks(self) -> None:
        """In a forked child: what another thread held nobody will release."""
        if not self.lock._is_owned():
            self.lock = threading.RLock()
        if not self._fitting._is_owned():
            self._fitting, self._in_fit = threading.RLock(), False

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Within the block no program runs, so layers, loss and metrics may change.

        Raises:
            RuntimeError: during `fit`, in a callback or another thread.
        """
        with self.lock:
            if self._in_fit:
                raise RuntimeError("compile, add and pop cannot be called during fit")
            yield

    @contextmanager
    def fitting(self) -> Iterator[None]:
        """The block is the only `fit` of the model; another thread waits until it ends.

        Raises:
            RuntimeError: in a callback: of this model's `fit`, or where waiting might last for ever.
        """
        if not self._fitting.acquire(blocking=not _fits.running):
            raise RuntimeError(
                "a callback cannot call fit on a model that another thread trains: they could wait for each other"
            )
        try:
            if self._in_fit:
                raise RuntimeError("a callback cannot call fit on the model that it is called from")
            before = _fits.running
            try:  # Ctrl-C may come at any line
                with self.lock:
                    self._in_fit = True
                _fits.running = before + 1
                yield
            finally:
                _fits.running, self._in_fit = before, False
        finally:
            self._fitting.release()


class _Fits(threading.local):
    """How many calls of `fit` each thread is in."""

    running = 0


_fits = _Fits()
