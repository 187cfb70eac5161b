"""Optimizers: each updates the parameters p and its state arrays in place.

p, the gradient g and the states are 1-D arrays of one length and dtype. The states start
at zero; only Adagrad's accumulator starts at 0.1, Keras's initial_accumulator_value.
step counts from 1. The scalars stay Python floats, of double precision, until they meet an
array: Keras rounds beta^step to float32, which puts its first Adam steps off by up to 1e-5.

The equations are Keras 3's, including where epsilon stands and what momentum multiplies:
https://github.com/keras-team/keras/tree/master/keras/src/optimizers, version 3.15.
"""

import math

import numpy as np


def sgd(p: np.ndarray, g: np.ndarray, learning_rate: float) -> None:
    """p -= learning_rate g."""
    p -= learning_rate * g


def momentum(p: np.ndarray, g: np.ndarray, m: np.ndarray, learning_rate: float, momentum: float) -> None:
    """m = momentum m - learning_rate g; p += m.

    Source: Polyak: Some methods of speeding up the convergence of iteration methods (1964).
    """
    m *= momentum
    m -= learning_rate * g
    p += m


def nesterov(p: np.ndarray, g: np.ndarray, m: np.ndarray, learning_rate: float, momentum: float) -> None:
    """m = momentum m - learning_rate g; p += momentum m - learning_rate g.

    Source: Sutskever, Martens, Dahl, Hinton: On the importance of initialization and
    momentum in deep learning (2013), in the form in which p is the point looked ahead to.
    """
    descent = learning_rate * g
    m *= momentum
    m -= descent
    p += momentum * m - descent


def adagrad(p: np.ndarray, g: np.ndarray, a: np.ndarray, learning_rate: float, epsilon: float) -> None:
    """a += g^2; p -= learning_rate g / sqrt(a + epsilon).

    Source: Duchi, Hazan, Singer: Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization (2011).
    """
    a += g * g
    p -= learning_rate * g / np.sqrt(a + epsilon)


def rmsprop(
    p: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    learning_rate: float,
    rho: float,
    epsilon: float,
) -> None:
    """v = rho v + (1 - rho) g^2; p -= learning_rate g / sqrt(v + epsilon).

    Source: Hinton: Neural Networks for Machine Learning, lecture 6e (2012).
    """
    _decay_towards(v, g * g, rho)
    p -= learning_rate * g / np.sqrt(v + epsilon)


def rmsprop_momentum(
    p: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    m: np.ndarray,
    learning_rate: float,
    rho: float,
    momentum: float,
    epsilon: float,
) -> None:
    """v as in rmsprop; m = momentum m + learning_rate g / sqrt(v + epsilon); p -= m."""
    _decay_towards(v, g * g, rho)
    m *= momentum
    m += learning_rate * g / np.sqrt(v + epsilon)
    p -= m


def rmsprop_centered(
    p: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    a: np.ndarray,
    learning_rate: float,
    rho: float,
    epsilon: float,
) -> None:
    """v as in rmsprop; a = rho a + (1 - rho) g; p -= learning_rate g / sqrt(v - a^2 + epsilon).

    Source: Graves: Generating Sequences With Recurrent Neural Networks (2013), eq. 38-45.
    """
    _decay_towards(v, g * g, rho)
    _decay_towards(a, g, rho)
    p -= learning_rate * g / np.sqrt(v - a * a + epsilon)


def rmsprop_centered_momentum(
    p: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    m: np.ndarray,
    a: np.ndarray,
    learning_rate: float,
    rho: float,
    momentum: float,
    epsilon: float,
) -> None:
    """v, a as in rmsprop_centered; m = momentum m + learning_rate g / sqrt(v - a^2 + epsilon); p -= m."""
    _decay_towards(v, g * g, rho)
    _decay_towards(a, g, rho)
    m *= momentum
    m += learning_rate * g / np.sqrt(v - a * a + epsilon)
    p -= m


def adam(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    step: int,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """m += (1 - beta_1) (g - m); v += (1 - beta_2) (g^2 - v); p -= alpha m / (sqrt(v) + epsilon).

    alpha = learning_rate sqrt(1 - beta_2^step) / (1 - beta_1^step), so epsilon is the paper's
    "epsilon hat". Source: Kingma, Ba: Adam (2015), the end of section 2,
    https://arxiv.org/abs/1412.6980.
    """
    m += (g - m) * (1 - beta_1)
    v += (g * g - v) * (1 - beta_2)
    p -= m * _adam_rate(step, learning_rate, beta_1, beta_2) / (np.sqrt(v) + epsilon)


def amsgrad(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    v_hat: np.ndarray,
    step: int,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """Adam with v_hat = max(v_hat, v) in the place of v in the denominator.

    Source: Reddi, Kale, Kumar: On the Convergence of Adam and Beyond (2018),
    https://arxiv.org/abs/1904.09237.
    """
    m += (g - m) * (1 - beta_1)
    v += (g * g - v) * (1 - beta_2)
    np.maximum(v_hat, v, out=v_hat)
    p -= m * _adam_rate(step, learning_rate, beta_1, beta_2) / (np.sqrt(v_hat) + epsilon)


def adamw(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    step: int,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    weight_decay: float,
) -> None:
    """p -= weight_decay learning_rate p; then a step of Adam.

    Source: Loshchilov, Hutter: Decoupled Weight Decay Regularization (2019),
    https://arxiv.org/abs/1711.05101; that the decay comes first and is multiplied with the
    learning rate is Keras's choice.
    """
    p -= p * weight_decay * learning_rate
    adam(p, g, m, v, step, learning_rate, beta_1, beta_2, epsilon)


def _decay_towards(average: np.ndarray, value: np.ndarray, rho: float) -> None:
    """average = rho average + (1 - rho) value, in place."""
    average *= rho
    average += (1 - rho) * value


def _adam_rate(step: int, learning_rate: float, beta_1: float, beta_2: float) -> float:
    """Adam's alpha: the learning rate with the correction of both averages' start at zero."""
    return learning_rate * math.sqrt(1 - beta_2**step) / (1 - beta_1**step)
