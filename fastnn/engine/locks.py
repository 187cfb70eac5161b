"""Locks in forked children, which have only the thread that forked.

A fork copies every lock as it is: what another thread holds stays locked for ever.
"""

import os
import threading
import weakref
from typing import Any

from numba.core.compiler_lock import global_compiler_lock

compiling = threading.RLock()  # held by the thread that compiles; others wait for it

_owners: "weakref.WeakValueDictionary[int, Any]" = weakref.WeakValueDictionary()


def renewed_in_children(owner: Any) -> None:
    """Call `owner.renew_locks()` in forked children, as long as it lives."""
    _owners[id(owner)] = owner


def _wait_for_the_compiler() -> None:
    """Before a fork: Numba and LLVM in the middle of a compilation would be of no use to a child."""
    compiling.acquire()
    global_compiler_lock.acquire()


def _go_on() -> None:
    global_compiler_lock.release()
    compiling.release()


def _in_child() -> None:
    _go_on()
    for owner in list(_owners.values()):
        owner.renew_locks()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_wait_for_the_compiler, after_in_parent=_go_on, after_in_child=_in_child)
