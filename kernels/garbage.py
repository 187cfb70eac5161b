"""Python's garbage collector waits while modules and kernels are loaded.

Loading makes some hundred thousand objects that stay, and no garbage. The collector looks at all of them again and
again, for a fifth of the time that `import fastnn.sklearn` and a first `fit` take.
"""

import contextlib
import gc


@contextlib.contextmanager
def uncollected():
    """In this block nothing is searched for garbage, unless another thread ends such a block first.

    What the block has made counts as old afterwards, as if it had been searched.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            if gc.get_freeze_count() == 0:  # what the user has frozen stays so
                gc.freeze()
                gc.unfreeze()  # into the oldest generation
            gc.enable()
