"""One function per optimizer: it updates the weights p[n] in place from their gradient g[n] and the optimizer's slots.

Equations, and the place of epsilon in them, are those of Keras 3. All arrays are flat; every element is updated
independently, so any thread may update any part of a weight. `learning_rate` is the rate of this step; the Adam family
takes `rate`, which `corrected_rate` computes.

The interpreter calls the functions `..._step` at the end by their addresses, for elements [start, start + size) of a
weight.
"""

import numpy as np

from .factories import step
from .instructions import BETA_1, BETA_2, EPSILON, MOMENTUM, RHO
from .jit import jit


@jit
def sgd(p, g, learning_rate):
    """p -= learning_rate g."""
    rate = p.dtype.type(learning_rate)
    for i in range(p.size):
        p[i] -= rate * g[i]


@jit
def momentum(p, g, m, learning_rate, momentum):
    """m = momentum m - learning_rate g; p += m."""
    rate, keep = p.dtype.type(learning_rate), p.dtype.type(momentum)
    for i in range(p.size):
        m[i] = keep * m[i] - rate * g[i]
        p[i] += m[i]


@jit
def nesterov(p, g, m, learning_rate, momentum):
    """m = momentum m - learning_rate g; p += momentum m - learning_rate g (Sutskever et al. 2013)."""
    rate, keep = p.dtype.type(learning_rate), p.dtype.type(momentum)
    for i in range(p.size):
        step = rate * g[i]
        m[i] = keep * m[i] - step
        p[i] += keep * m[i] - step


@jit
def adagrad(p, g, a, learning_rate, epsilon):
    """a += g^2; p -= learning_rate g / sqrt(a + epsilon) (Duchi, Hazan & Singer 2011)."""
    real = p.dtype.type
    rate, small = real(learning_rate), real(epsilon)
    for i in range(p.size):
        a[i] += g[i] * g[i]
        p[i] -= rate * g[i] / np.sqrt(a[i] + small)


@jit
def rmsprop(p, g, v, learning_rate, rho, epsilon):
    """v = rho v + (1 - rho) g^2; p -= learning_rate g / sqrt(v + epsilon) (Hinton, Coursera lecture 6e)."""
    real = p.dtype.type
    rate, keep, take, small = real(learning_rate), real(rho), real(1 - rho), real(epsilon)
    for i in range(p.size):
        v[i] = keep * v[i] + take * g[i] * g[i]
        p[i] -= rate * g[i] / np.sqrt(v[i] + small)


@jit
def rmsprop_momentum(p, g, v, m, learning_rate, rho, momentum, epsilon):
    """v as in rmsprop; m = momentum m + learning_rate g / sqrt(v + epsilon); p -= m."""
    real = p.dtype.type
    rate, keep, take, small, keep_step = real(learning_rate), real(rho), real(1 - rho), real(epsilon), real(momentum)
    for i in range(p.size):
        v[i] = keep * v[i] + take * g[i] * g[i]
        m[i] = keep_step * m[i] + rate * g[i] / np.sqrt(v[i] + small)
        p[i] -= m[i]


@jit
def rmsprop_centered(p, g, v, m, a, learning_rate, rho, momentum, epsilon):
    """rmsprop_momentum with the variance v - a^2 in place of v, a = rho a + (1 - rho) g (Graves 2013)."""
    real = p.dtype.type
    rate, keep, take, small, keep_step = real(learning_rate), real(rho), real(1 - rho), real(epsilon), real(momentum)
    for i in range(p.size):
        v[i] = keep * v[i] + take * g[i] * g[i]
        a[i] = keep * a[i] + take * g[i]
        m[i] = keep_step * m[i] + rate * g[i] / np.sqrt(v[i] - a[i] * a[i] + small)
        p[i] -= m[i]


@jit
def corrected_rate(learning_rate, beta_1, beta_2, step):
    """The Adam family's rate of step 1, 2, ...: learning_rate sqrt(1 - beta_2^step) / (1 - beta_1^step)."""
    return learning_rate * np.sqrt(1.0 - beta_2**step) / (1.0 - beta_1**step)


@jit
def adam(p, g, m, v, rate, beta_1, beta_2, epsilon):
    """m += (1 - beta_1) (g - m); v += (1 - beta_2) (g^2 - v); p -= rate m / (sqrt(v) + epsilon) (Kingma & Ba 2015)."""
    real = p.dtype.type
    step, take_1, take_2, small = real(rate), real(1 - beta_1), real(1 - beta_2), real(epsilon)
    for i in range(p.size):
        m[i] += (g[i] - m[i]) * take_1
        v[i] += (g[i] * g[i] - v[i]) * take_2
        p[i] -= step * m[i] / (np.sqrt(v[i]) + small)


@jit
def amsgrad(p, g, m, v, largest, rate, beta_1, beta_2, epsilon):
    """adam with the largest v so far in place of v (Reddi, Kale & Kumar 2018)."""
    real = p.dtype.type
    step, take_1, take_2, small = real(rate), real(1 - beta_1), real(1 - beta_2), real(epsilon)
    for i in range(p.size):
        m[i] += (g[i] - m[i]) * take_1
        v[i] += (g[i] * g[i] - v[i]) * take_2
        largest[i] = v[i] if v[i] > largest[i] else largest[i]
        p[i] -= step * m[i] / (np.sqrt(largest[i]) + small)


@jit
def decay(p, amount):
    """p -= amount p: weight decay that is separate from the gradient (Loshchilov & Hutter 2019, AdamW)."""
    factor = p.dtype.type(amount)
    for i in range(p.size):
        p[i] -= factor * p[i]


# ---------------------------------------------------------------------------------------------------------------------
# What the interpreter calls.


sgd_step = step(sgd, 0)
momentum_step = step(momentum, 1, MOMENTUM)
nesterov_step = step(nesterov, 1, MOMENTUM)
adagrad_step = step(adagrad, 1, EPSILON)
rmsprop_step = step(rmsprop, 1, RHO, EPSILON)
rmsprop_momentum_step = step(rmsprop_momentum, 2, RHO, MOMENTUM, EPSILON)
rmsprop_centered_step = step(rmsprop_centered, 3, RHO, MOMENTUM, EPSILON)
adam_step = step(adam, 2, BETA_1, BETA_2, EPSILON)
amsgrad_step = step(amsgrad, 3, BETA_1, BETA_2, EPSILON)
