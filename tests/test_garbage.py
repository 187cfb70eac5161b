"""The garbage collector waits while fastnn is loaded, and then goes on as before."""

import gc
import weakref

import pytest

from fastnn.kernels.garbage import uncollected

from .subprocesses import run_python


class Loop:
    def __init__(self):
        self.itself = self


def test_nothing_is_searched_for_in_the_block_but_later():
    with uncollected():
        assert not gc.isenabled()
        loop = weakref.ref(Loop())
    assert gc.isenabled()
    assert loop() is not None
    gc.collect()
    assert loop() is None


def test_an_error_ends_the_block():
    with pytest.raises(KeyboardInterrupt), uncollected():
        raise KeyboardInterrupt
    assert gc.isenabled()


def test_what_the_user_has_set_stays():
    """In a process of its own: frozen objects stay frozen, and a collector that is off stays off."""
    code = """
        import gc
        gc.freeze()
        frozen = gc.get_freeze_count()
        import fastnn
        assert gc.isenabled() and gc.get_freeze_count() > frozen / 2 > 0
        gc.unfreeze()
        gc.disable()
        from fastnn.kernels.garbage import uncollected
        with uncollected():
            pass
        assert not gc.isenabled() and gc.get_freeze_count() == 0
    """
    run_python(code)


@pytest.mark.parametrize("module", ["fastnn", "fastnn.sklearn"])
def test_an_import_is_not_searched(module):
    """Some hundred times, and often through all that is there, without the block."""
    code = f"""
        import gc
        searched = []
        gc.callbacks.append(lambda phase, info: searched.append(info) if phase == "start" else None)
        import {module}
        assert gc.isenabled()
        gc.callbacks.clear()
        print(len(searched))
    """
    assert int(run_python(code).stdout) < 80
