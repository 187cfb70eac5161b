# %% [markdown]
# # Learning rates, seen
#
# The learning rate is the setting that most often decides whether a network learns. Its effect can be seen, first on
# a problem with two weights and then on a network.
#
# **The task.**
#
# 1. Draw the path of gradient descent on a loss of two weights, and compute the rate at which it blows up.
# 2. See what momentum, Adagrad and Adam change about the path.
# 3. Find a good rate for a network: by trying, and by a range test that takes a second.
# 4. Let the rate rise and fall by a schedule, and measure what that is worth.

# %%
# Notebook services start without fastnn: install it where it is missing.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("fastnn") is None:
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "fastnn-numba"], check=True)

# %%
import numpy as np

import fastnn
from fastnn import layers, plots, schedules
from fastnn.optimizers import SGD, Adagrad, Adam

# %% [markdown]
# ## Two weights
#
# The smallest network: one unit with two inputs and no bias, $y = w_1 x_1 + w_2 x_2$, trained by the mean squared
# error on all samples at once. Its loss is a bowl over the plane of the two weights. The second input has a smaller
# spread, so that the bowl is steep in one direction and flat in the other: such a valley is what makes learning rates
# difficult.

# %%
random = np.random.default_rng(0)
x = random.normal(size=(200, 2)) * [1.0, 0.3]
x[:, 1] += 0.1 * x[:, 0]
y = x @ [[2.0], [-1.0]] + random.normal(0, 0.1, (200, 1))


def loss_at(weights):
    """The mean squared error for weights (..., 2)."""
    return np.mean((weights @ x.T - y[:, 0]) ** 2, axis=-1)


def path(optimizer, steps=40):
    """The weights (steps + 1, 2) on the way from (-1, 2)."""
    model = fastnn.Sequential([fastnn.Input((2,)), layers.Dense(1, use_bias=False)])
    model.compile(optimizer, "mse")
    model.set_weights([[[-1.0], [2.0]]])
    places = [model.get_weights()[0].ravel()]
    for _ in range(steps):
        model.train_on_batch(x, y)
        places.append(model.get_weights()[0].ravel())
    return np.array(places)


best = np.linalg.lstsq(x, y, rcond=None)[0].ravel()
print(f"the least loss is {loss_at(best):.4f}, at the weights {best.round(2)}")


def draw(paths):
    """The loss as contours, and the paths on it."""
    figure, axes = plots.panels(rows=2, columns=2, size=(4, 3.2))
    w1, w2 = np.meshgrid(np.linspace(-2, 6, 120), np.linspace(-3.5, 3, 120))
    heights = loss_at(np.stack([w1, w2], axis=-1))
    for panel, (name, places) in zip(axes.flat, paths.items(), strict=True):
        panel.contour(w1, w2, heights, levels=np.geomspace(0.02, 40, 12), colors="0.7", linewidths=0.8)
        panel.plot(*places.T, "o-", color="tab:blue", markersize=3, linewidth=1)
        panel.plot(*best, "*", color="tab:red", markersize=11)
        panel.set(title=f"{name}: loss {loss_at(places[-1]):.3g}", xlim=(-2, 6), ylim=(-3.5, 3))
        panel.set(xlabel="$w_1$", ylabel="$w_2$")
    return figure


draw({f"rate {rate}": path(SGD(rate)) for rate in (0.02, 0.3, 0.9, 1.05)})

# %% [markdown]
# Forty steps $w \leftarrow w - \eta\, g$ each, from the same place, with $g$ the gradient and $\eta$ the rate; the
# star is the minimum.
#
# - 0.02 is **too small**: the path is smooth and ends long before the goal.
# - 0.3 is fine down the steep wall; along the flat valley it creeps.
# - 0.9 jumps from wall to wall. Here it even gets furthest, because it is fast along the valley.
# - 1.05 is **too large**: each jump ends higher than the one before.
#
# ## Where it blows up
#
# The loss is a square, so one can compute it. Its second derivatives are the matrix $H = \frac{2}{n} X^T X$, with
# eigenvalues $\lambda_k$: the curvatures of the bowl along its axes. The gradient is $H (w - w^*)$, so one step
# multiplies the distance from the minimum along axis $k$ by $1 - \eta \lambda_k$. That is smaller than 1 in size
# exactly if
#
# $$ 0 < \eta < \frac{2}{\lambda_{max}} . $$
#
# The steepest direction sets the limit, and the flattest one then has to live with that rate.

# %%
curvatures = np.linalg.eigvalsh(2 * x.T @ x / len(x))
limit = 2 / curvatures.max()
print(f"curvatures {curvatures.round(3)}: the rate must be below 2 / {curvatures.max():.3f} = {limit:.3f}")

rates = np.geomspace(0.01, 2, 60)
ends = [loss_at(path(SGD(rate))[-1]) for rate in rates]
figure, axes = plots.panels(size=(6, 3.6))
panel = axes[0, 0]
panel.loglog(rates, ends, label="loss after 40 steps")
panel.axvline(limit, color="tab:red", linestyle="--", label="2 / largest curvature")
panel.axhline(loss_at([-1.0, 2.0]), color="0.5", linewidth=1, label="loss at the start")
panel.set(xlabel="learning rate", ylabel="loss", ylim=(0.005, 1e4))
panel.legend()
figure

# %% [markdown]
# The formula is right: the loss falls until shortly before the limit and explodes behind it. The best rate lies close
# to the cliff. All curves of this kind look like that, also those of networks: a long slope on the left, a short
# optimum, a cliff on the right.
#
# ## Other ways down
#
# Optimizers change the step, each by its own idea ($g$ is the gradient, all operations entry by entry):
#
# - **Momentum:** $v \leftarrow 0.8\, v - \eta g$ and $w \leftarrow w + v$. Steps in the same direction add up, those
#   to and fro cancel.
# - **Adagrad:** $s \leftarrow s + g^2$ and $w \leftarrow w - \eta\, g / \sqrt{s}$. Each weight has a rate of its own,
#   smaller where gradients were large.
# - **Adam:** $w \leftarrow w - \eta\, \hat m / \sqrt{\hat v}$, where $\hat m$ and $\hat v$ are running means of $g$
#   and of $g^2$. Momentum, and a rate for each weight.

# %%
ways = {
    "SGD 0.3": SGD(0.3),
    "momentum 0.3": SGD(0.3, momentum=0.8),
    "Adagrad 0.5": Adagrad(0.5),
    "Adam 0.3": Adam(0.3),
}
draw({name: path(optimizer) for name, optimizer in ways.items()})

# %% [markdown]
# Momentum overshoots, as a heavy ball would, but it is fast along the valley. Adagrad and Adam go straight across the
# contours at first: dividing by the size of the gradient makes the steep and the flat direction alike.
#
# ## A network
#
# 784-64-64-10 on 10,000 digits, two epochs each, with three optimizers and eleven rates.

# %%
(images, labels), _ = fastnn.datasets.mnist.load_data()
validation = images[50_000:], labels[50_000:]
images, labels = images[:10_000], labels[:10_000]


def network(optimizer, seed=1):
    fastnn.utils.set_random_seed(seed)
    model = fastnn.Sequential([fastnn.Input((28, 28)), layers.Flatten(), layers.Rescaling(1 / 255)])
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


histories = {}
for rate in (0.003, 0.03, 0.3, 3.0):
    model = network(SGD(rate))
    histories[f"SGD {rate}"] = model.fit(images, labels, batch_size=64, epochs=10, verbose=0)
plots.compare(histories, log=True, title="training loss")

# %%
kinds = {"SGD": SGD, "momentum": lambda rate: SGD(rate, momentum=0.9), "Adam": Adam}
rates = np.logspace(-4, 1, 11)
figure, axes = plots.panels(size=(6, 3.6))
panel = axes[0, 0]
for (name, kind), look in zip(kinds.items(), ("o-", "s--", "^-."), strict=True):
    accuracies = []
    for rate in rates:
        model = network(kind(rate))
        model.fit(images, labels, batch_size=64, epochs=2, verbose=0)
        accuracies.append(model.evaluate(*validation, verbose=0)[1])
    good = rates[np.array(accuracies) > 0.85]
    print(
        f"{name:9} best rate {rates[np.argmax(accuracies)]:.2g}: {max(accuracies):.1%}; "
        f"above 85 % from {good.min():.2g} to {good.max():.2g}"
    )
    panel.semilogx(rates, accuracies, look, label=name)
panel.set(xlabel="learning rate", ylabel="validation accuracy after two epochs")
panel.legend()
figure

# %% [markdown]
# Rates of different optimizers cannot be compared. Adam's best rate is far below that of SGD, because Adam's step has
# the size of the rate itself, however small the gradient is. Momentum 0.9 adds up about $1 / (1 - 0.9) = 10$ steps,
# so its rates are about a tenth of those without. What all have in common is the shape: a slope, a range of good
# rates, a cliff. The range is wider for momentum and Adam, which makes them easier to use.
#
# ## The path of a network
#
# The network has 55,050 weights, and a picture has two directions. `plots.loss_landscape` takes those two in which
# the weights moved most, and draws the loss in that plane. The percentages at the axes say what share of the
# (squared) distances lies in each.


# %%
class Steps(fastnn.callbacks.Callback):
    """Keeps the weights at the beginning, and after every tenth step."""

    def on_train_begin(self, logs=None):
        self.weights = [self.model.get_weights()]

    def on_train_batch_end(self, batch, logs=None):
        if batch % 10 == 9:
            self.weights.append(self.model.get_weights())


figure, axes = plots.panels(columns=2, size=(4.6, 4))
for panel, rate in zip(axes[0], (0.03, 0.3), strict=True):
    model, steps = network(SGD(rate)), Steps()
    model.fit(images, labels, batch_size=64, epochs=3, callbacks=steps, verbose=0)
    few = images[:500], labels[:500]
    name = f"SGD {rate}: loss {model.evaluate(*few, verbose=0)[0]:.2f} after three epochs"
    plots.loss_landscape(model, *few, path=steps.weights, resolution=15, axes=panel, title=name)
figure

# %% [markdown]
# The start is at the upper right, the star is the end. It is the picture of the two weights again: first down the
# steep side, then a turn, then along the valley. The small rate has come less far, and the numbers at its axes are
# smaller. Two directions hold nine tenths of the movement and more: among 55,050 weights the way of gradient descent
# is a simple curve.
#
# ## The range test
#
# Trying eleven rates costs eleven trainings. The range test needs a part of one: train with a rate that rises from
# step to step, record the loss of each batch, and stop where it explodes. Below the range of good rates the loss does
# not move, inside it falls, above it rises. fastnn suggests the rate where it falls fastest, and leaves the model as
# it was.

# %%
figure, axes = plots.panels(columns=3, size=(4.2, 3.6))
for panel, (name, kind) in zip(axes[0], kinds.items(), strict=True):
    found = fastnn.learning_rate_finder(network(kind(0.1)), images, labels, start=1e-5, batch_size=64)
    plots.learning_rate_finder(found, axes=panel, title=name)
    panel.set_ylim(0.5, 4)
    print(f"{name:9} suggestion {found.suggestion:.2g}")
figure

# %% [markdown]
# Each suggestion lies in the range of good rates that the eleven trainings found, or at its edge. With momentum it is
# near the cliff: a test of a hundred steps is over before the momentum has done harm. A third of the suggestion is a
# safe choice there.
#
# ## Schedules
#
# A large rate is good at first, to get far; a small one at the end, to settle. A schedule does both. Four of them,
# with the same highest rate for SGD with momentum, over ten epochs:

# %%
top, epochs = 0.1, 10
steps = epochs * -(-len(images) // 64)  # batches of 64, the last one smaller
plan = {
    "constant": schedules.ExponentialDecay(top, steps, 1.0),
    "step decay": schedules.ExponentialDecay(top, steps // 3 + 1, 0.2, staircase=True),
    "cosine": schedules.CosineDecay(top, steps),
    "one cycle": schedules.OneCycle(top, steps),
}
figure, axes = plots.panels(rows=2, columns=2, size=(4, 2.7))
for panel, (name, schedule) in zip(axes.flat, plan.items(), strict=True):
    plots.schedule(schedule, steps, axes=panel, title=name)
    panel.set_ylim(-0.005, 0.105)
figure

# %%
histories = {}
for name, schedule in plan.items():
    accuracies = []
    for seed in range(3):
        model = network(SGD(schedule, momentum=0.9), seed)
        histories[name] = model.fit(images, labels, 64, epochs, validation_data=validation, verbose=0)
        accuracies.append(histories[name].history["val_accuracy"][-1])
    print(f"{name:11} validation accuracy {np.mean(accuracies):.2%} ± {np.std(accuracies):.2%}")
plots.compare(histories, "val_accuracy")

# %% [markdown]
# All schedules beat the constant rate here, by clearly more than the spread over the seeds. One cycle starts slowest
# and ends among the best. It also protects the first steps, when the weights are random and the gradients large:
# rates that would fail at once can be fine after some warming up. All three end with a small rate, and their curves
# end smooth, where that of the constant rate stays jagged.
#
# ## Discussion
#
# - The largest curvature of the loss decides which rates are too large, the smallest one how long it takes. The
#   optimizers differ in how they deal with the ratio of the two.
# - Loss over rate is a slope, a valley and a cliff, for two weights as for 55,050. Look for the cliff and stay a
#   factor 3 away from it.
# - A good rate belongs to an optimizer, a network and its data. Change one of them, and search again: a range test is
#   cheap.
# - A schedule that ends near 0 is worth more than a perfect constant rate.
#
# ## Exercises
#
# **1. The best rate.** For two curvatures the best rate is $2 / (\lambda_{max} + \lambda_{min})$, if one goes on for
# ever. Why just this one? Compute it, and compare `loss_at(path(SGD(rate))[-1]) - loss_at(best)` with that of 0.9.
# *Hint:* for which rate are $|1 - \eta \lambda_{max}|$ and $|1 - \eta \lambda_{min}|$ equal? And after only forty
# steps, how much of the path still lies in the steep direction?
#
# **2. Standardise.** Divide `x` by `x.std(axis=0)`, and compute `best`, the curvatures and the paths again. *Hint:*
# the limit becomes smaller, and ten steps with the rate of exercise 1 suffice. This is why inputs are scaled before
# training.
#
# **3. Clip.** Train five epochs with `SGD(1.0)` and with `SGD(1.0, clipnorm=0.3)`, which shortens long gradients to
# the length 0.3. *Hint:* only one of them survives the cliff. Which rate would the other one need?
