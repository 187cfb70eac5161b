"""Makes the operations that differ in their kernels only: activations, losses, and metrics of each sample.

`numbers` says how many numbers of its own a kernel takes, after its arrays: ins.alpha, then ins.beta. An operation has
its name from its kernel (`relu_forward` gives `relu`, `hinge` gives `hinge_loss`) and belongs to the kernel's module:
that is how the disk cache finds it again (`cache.py`).
"""

from .instructions import BACKWARD, FORWARD
from .jit import jit_part
from .operations import (
    dx_flat,
    dy_flat,
    label_rows,
    loss_rows,
    operation,
    sparse_loss_rows,
    target_rows,
    value_rows,
    x_flat,
    y_flat,
    y_rows,
)


@jit_part
def _no_number(ins):
    return ()


@jit_part
def _one_number(ins):
    return (ins.alpha,)


@jit_part
def _two_numbers(ins):
    return ins.alpha, ins.beta


_NUMBERS = _no_number, _one_number, _two_numbers


def _made(function, kernel, name):
    """Make a function an operation of this name, of the kernel's module."""
    function.__name__ = function.__qualname__ = name
    function.__module__ = kernel.__module__
    function.__doc__ = f"{name}: {kernel.__doc__}"
    return operation(function)


def in_place(forward, backward, numbers=0):
    """The operation of an activation that works in place, with a backward that needs its output only."""
    own = _NUMBERS[numbers]

    def run(task, ins, weights, batch, data, span):
        if task == FORWARD:
            forward(y_flat(ins, batch, span), *own(ins))
        elif task == BACKWARD:
            backward(dy_flat(ins, batch, span), y_flat(ins, batch, span), *own(ins))

    return _made(run, forward, forward.__name__.removesuffix("_forward"))


def out_of_place(forward, backward):
    """The operation of an activation with a backward that needs its input: it writes into a buffer of its own."""

    def run(task, ins, weights, batch, data, span):
        if task == FORWARD:
            forward(y_flat(ins, batch, span), x_flat(ins, batch, span))
        elif task == BACKWARD:
            backward(dx_flat(ins, batch, span), dy_flat(ins, batch, span), x_flat(ins, batch, span))

    return _made(run, forward, forward.__name__.removesuffix("_forward"))


def loss(kernel, numbers=0):
    """The operation of a loss with rows of targets."""
    own = _NUMBERS[numbers]

    def run(task, ins, weights, batch, data, span):
        if task == FORWARD:
            kernel(*loss_rows(ins, batch, span), *own(ins), ins.outputs)

    return _made(run, kernel, f"{kernel.__name__}_loss")


def sparse_loss(kernel):
    """The operation of a loss with labels."""

    def run(task, ins, weights, batch, data, span):
        if task == FORWARD:
            kernel(*sparse_loss_rows(ins, batch, span), ins.outputs)

    return _made(run, kernel, f"{kernel.__name__}_loss")


def metric(kernel, numbers=0):
    """The operation of a metric of each sample, with rows of targets."""
    own = _NUMBERS[numbers]

    def run(task, ins, weights, batch, data, span):
        if task == FORWARD:
            values, y = value_rows(ins, batch, span), y_rows(ins, batch, span)
            kernel(values, y, target_rows(ins, batch, span), *own(ins), ins.outputs)

    return _made(run, kernel, f"{kernel.__name__}_metric")


def sparse_metric(kernel, numbers=0):
    """The operation of a metric of each sample, with labels."""
    own = _NUMBERS[numbers]

    def run(task, ins, weights, batch, data, span):
        if task == FORWARD:
            values, y = value_rows(ins, batch, span), y_rows(ins, batch, span)
            kernel(values, y, label_rows(batch, span), *own(ins), ins.outputs)

    return _made(run, kernel, f"{kernel.__name__}_metric")
