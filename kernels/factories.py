"""Factories of operations that differ only in their kernels: activations, losses, metrics of each sample, optimizers.

`numbers` says how many scalars a kernel takes after its arrays: ins.alpha, then ins.beta. An operation is named after
its kernel (`relu_forward` gives `relu`, `hinge` gives `hinge_loss`) and belongs to the kernel's module, so that the
disk cache finds it again (`cache.py`).
"""

from .instructions import BACKWARD, FORWARD, RATE
from .jit import jit, jit_part
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
from .weights import dw_vector, slot_vector, w_vector


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


def _named(function, kernel, name):
    """Give a function this name, in the kernel's module."""
    function.__name__ = function.__qualname__ = name
    function.__module__ = kernel.__module__
    function.__doc__ = f"{name}: {kernel.__doc__}"
    return function


def _made(function, kernel, name):
    """Make a function an operation of this name, of the kernel's module."""
    return operation(_named(function, kernel, name))


def in_place(forward, backward, numbers=0):
    """The operation of an activation that works in place and whose backward needs only its output."""
    own = _NUMBERS[numbers]

    def run(task, ins, weights, batch, data, span):
        if task == FORWARD:
            forward(y_flat(ins, batch, span), *own(ins))
        elif task == BACKWARD:
            backward(dy_flat(ins, batch, span), y_flat(ins, batch, span), *own(ins))

    return _made(run, forward, forward.__name__.removesuffix("_forward"))


def out_of_place(forward, backward):
    """The operation of an activation whose backward needs its input: it writes to a buffer of its own."""

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


# ---------------------------------------------------------------------------------------------------------------------
# Optimizers' steps.


@jit_part
def _no_slot(weights, number, start, size):
    return ()


@jit_part
def _one_slot(weights, number, start, size):
    return (slot_vector(weights, 0, number, start, size),)


@jit_part
def _two_slots(weights, number, start, size):
    return slot_vector(weights, 0, number, start, size), slot_vector(weights, 1, number, start, size)


@jit_part
def _three_slots(weights, number, start, size):
    first, second = slot_vector(weights, 0, number, start, size), slot_vector(weights, 1, number, start, size)
    return first, second, slot_vector(weights, 2, number, start, size)


_SLOTS = _no_slot, _one_slot, _two_slots, _three_slots


def _chosen(*places):
    """A function of `hyper` that gives the numbers at up to three places."""
    if not places:
        return jit_part(lambda hyper: ())
    first, second, third = (*places, 0, 0)[:3]
    if len(places) == 1:
        return jit_part(lambda hyper: (hyper[first],))
    if len(places) == 2:
        return jit_part(lambda hyper: (hyper[first], hyper[second]))
    return jit_part(lambda hyper: (hyper[first], hyper[second], hyper[third]))


def step(kernel, slots, *places):
    """The function that the interpreter calls for an optimizer's step on elements [start, start + size) of a weight.

    Their gradient begins at element `gradient` of the weight's gradient. `places` are the indices in `hyper` of the
    scalars that the kernel takes after its arrays and the rate.
    """
    slots_of, numbers_of = _SLOTS[slots], _chosen(*places)

    def run(weights, number, start, size, gradient, hyper):
        p, g = w_vector(weights, number, start, size), dw_vector(weights, number, gradient, size)
        kernel(p, g, *slots_of(weights, number, start, size), hyper[RATE], *numbers_of(hyper))

    return jit(_named(run, kernel, f"{kernel.__name__}_step"))
