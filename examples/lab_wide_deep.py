# %% [markdown]
# # One wide hidden layer or two narrower ones
#
# Two networks with nearly the same number of weights: one is wide, with a single hidden layer, the other is deeper and
# narrower. They are trained in the same way on the same images. Which one is better?
#
# **The task.**
#
# 1. Build 784-256-10 and 784-204-202-10 and count their parameters by hand.
# 2. Train both in mini-batches and draw their losses and accuracies on training and test images.
# 3. Put parameters, accuracies and seconds in a table, and say what you conclude.
#
# `fastnn lab wide-deep` does the same from the command line, and `fastnn lab wide-deep --notebook` writes this notebook
# with the settings that you give.

# %%
# Notebook services start without fastnn: install it where it is missing.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("fastnn") is None:
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "fastnn-numba"], check=True)

# %% [markdown]
# ## Settings
#
# Change them here, and run all cells again.

# %% tags=["parameters"]
data = None  # a folder with MNIST's four files; None: the images that come with fastnn
wide = [256]  # hidden layers of the wide network
deep = [204, 202]  # hidden layers of the deep network
output = "softmax"  # with cross-entropy; or sigmoid (binary cross-entropy), linear (mean squared error)
activation = "relu"  # of the hidden layers: relu, leaky_relu, sigmoid, tanh, linear
optimizer = "momentum"  # sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw
learning_rate = 0.05
batch_size = 128  # images per step
epochs = 15  # passes over the training images
seed = 1

# %%
import time

import numpy as np
from IPython.display import Markdown, display

import fastnn
from fastnn import layers, plots
from fastnn.callbacks import TerminateOnNaN
from fastnn.utils import to_categorical

# %% [markdown]
# ## The data
#
# The targets are one-hot rows: 1 for the right digit, 0 for the others. So the same targets serve all three losses.

# %%
(x, y), (x_test, y_test) = fastnn.datasets.mnist.load_data(data)
classes = int(max(y.max(), y_test.max())) + 1
t, t_test = to_categorical(y, classes), to_categorical(y_test, classes)
print(f"{len(x):,} images to train with, {len(x_test):,} to test; the first target: {t[0].astype(int).tolist()}")
plots.images(x[:30], labels=y[:30], columns=15)

# %% [markdown]
# ## The mathematics
#
# A dense layer with $i$ inputs and $o$ outputs has $i \cdot o$ weights and $o$ biases, $(i + 1)\, o$ in all. So
# the wide network has
#
# $$785 \cdot 256 + 257 \cdot 10 = 203{,}530$$
#
# parameters and the deep one
#
# $$785 \cdot 204 + 205 \cdot 202 + 203 \cdot 10 = 203{,}580$$
#
# (A well-known text of this assignment prints 203,170 for the deep network, which is a slip.)
#
# Three pairs of an output and a loss have the same gradient at the last layer's $z$, up to a constant factor:
# predictions minus truth. ("By classes": divided by their number, because the loss is the mean over them.)
#
# | output | loss | gradient |
# |---|---|---|
# | softmax, exactly one class | categorical cross-entropy $-\sum t \log y$ | $y - t$ |
# | sigmoid, each class on its own | binary cross-entropy $-[t \log y + (1 - t) \log(1 - y)]$ | $y - t$, by classes |
# | linear | mean squared error | $2 (y - t)$, by classes |
#
# ## The networks


# %%
losses = {"softmax": "categorical_crossentropy", "sigmoid": "binary_crossentropy", "linear": "mean_squared_error"}


def make_optimizer():
    """The optimizer of the settings; each network needs one of its own."""
    rules = {
        "sgd": fastnn.optimizers.SGD(learning_rate),
        "momentum": fastnn.optimizers.SGD(learning_rate, momentum=0.9),
        "nesterov": fastnn.optimizers.SGD(learning_rate, momentum=0.9, nesterov=True),
        "adagrad": fastnn.optimizers.Adagrad(learning_rate),
        "rmsprop": fastnn.optimizers.RMSprop(learning_rate),
        "adam": fastnn.optimizers.Adam(learning_rate),
        "adamw": fastnn.optimizers.AdamW(learning_rate),
    }
    return rules[optimizer]


def build(name, hidden):
    """A network with these hidden layers, ready to train; the same seed for both."""
    fastnn.utils.set_random_seed(seed)
    model = fastnn.Sequential([fastnn.Input(x.shape[1:]), layers.Flatten(), layers.Rescaling(1 / 255)], name=name)
    for units in hidden:
        model.add(layers.Dense(units, activation=activation))
    model.add(layers.Dense(classes, activation=output))
    model.compile(make_optimizer(), losses[output], metrics=["accuracy"])
    return model


for name, hidden in {"wide": wide, "deep": deep}.items():
    display(build(name, hidden))

# %% [markdown]
# ## A step in four lines
#
# What `fit` does for every mini-batch, here for one of them: forward, loss, backward, update. The loss on these images
# is lower afterwards, if the learning rate is not too large.

# %%
model = build("wide", wide)
loss = fastnn.losses.get(losses[output])
optimizer_of_this_model = make_optimizer()
some, targets = x[:batch_size], t[:batch_size]

before = loss.forward(targets, model.forward(some, training=True))  # Y = X W + B, layer by layer; then one number
model.backward(loss.backward())  # dY = Y - T, then dX = dY W^T, dW = X^T dY, dB = sum dY
optimizer_of_this_model.step(model)  # W -= learning rate dW, or the optimizer's own rule
after = loss.forward(targets, model.forward(some, training=True))
print(f"loss on {len(some)} images: {before:.5f} before the step, {after:.5f} after it")

# %% [markdown]
# ## Training

# %%
models, histories, seconds = {}, {}, {}
for name, hidden in {"wide": wide, "deep": deep}.items():
    models[name] = build(name, hidden)
    began = time.perf_counter()
    histories[name] = models[name].fit(
        x, t, batch_size=batch_size, epochs=epochs, validation_data=(x_test, t_test), verbose=0,
        callbacks=[TerminateOnNaN()],
    )  # fmt: skip
    seconds[name] = time.perf_counter() - began

figure, panels = plots.panels(columns=2)
for panel, quantity in zip(panels[0], ("val_accuracy", "val_loss"), strict=True):
    plots.compare(histories, quantity, validation="test", axes=panel)
plots.one_legend(panels)

# %% [markdown]
# The same with the training images, for each network.

# %%
plots.learning_curves(histories["wide"], validation="test", title="wide")

# %%
plots.learning_curves(histories["deep"], validation="test", title="deep")

# %% [markdown]
# ## Results

# %%
rows = {}
print(f"{'':6}{'parameters':>12}{'train acc':>11}{'test acc':>10}{'test loss':>11}{'seconds':>9}")
for name, model in models.items():
    train = model.evaluate(x, t, verbose=0, return_dict=True)
    test = model.evaluate(x_test, t_test, verbose=0, return_dict=True)
    rows[name] = {f"train {key}": value for key, value in train.items()}
    rows[name] |= {f"test {key}": value for key, value in test.items()}
    print(
        f"{name:<6}{model.count_params():>12,}{train['accuracy']:>11.5f}{test['accuracy']:>10.5f}"
        f"{test['loss']:>11.5f}{seconds[name]:>9.1f}"
    )

# %% [markdown]
# ## Discussion

# %%
accuracies = {name: row["test accuracy"] for name, row in rows.items()}
better, worse = sorted(accuracies, key=accuracies.get, reverse=True)
difference = accuracies[better] - accuracies[worse]
# The standard deviation of the difference of two shares, each of len(x_test) independent images.
spread = float(np.sqrt(sum(p * (1 - p) for p in accuracies.values()) / len(x_test)))
rest = {name: 1 - row["train accuracy"] for name, row in rows.items()}
low = {name: int(np.argmin(history.history["val_loss"])) + 1 for name, history in histories.items()}
Markdown(
    f"- {better.capitalize()}: {accuracies[better]:.2%} of the test images, {worse}: {accuracies[worse]:.2%}. The "
    f"difference, {difference:.2%}, is {'more' if difference > 2 * spread else 'not more'} than twice its "
    f"standard deviation, {spread:.2%}, which comes from the choice of {len(x_test):,} test images alone; another "
    f"`seed` moves both as well."
    f"{'' if difference > 2 * spread else ' One training does not say which one is better.'}\n"
    f"- Of the training images, {rest['wide']:.2%} are wrong with the wide network and {rest['deep']:.2%} with the "
    f"deep one; of the test images {1 - accuracies['wide']:.2%} and {1 - accuracies['deep']:.2%}.\n"
    f"- The test loss is lowest in epoch {low['wide']} (wide) and {low['deep']} (deep) of {epochs}. Where it rises "
    f"afterwards, the accuracy need not fall: the mistakes only become more certain.\n"
    f"- Training took {seconds['wide']:.1f} s (wide) and {seconds['deep']:.1f} s (deep)."
)

# %% [markdown]
# ## Exercises
#
# 1. Count the parameters of a network with three hidden layers that comes as close to 203,530 as possible, and train it
#    as `deep`.
# 2. Train with `output = "linear"` and `output = "sigmoid"`. Which of the losses can be compared with each other?
# 3. Draw mini-batches with replacement and train with `model.train_on_batch`: with `rng = np.random.default_rng(seed)`,
#    the indices of one are `rng.integers(len(x), size=batch_size)`. How many of the images has the
#    network not seen after as many steps as an epoch has?
# 4. Train each network with five values of `seed`. Is the mean difference larger than the spread?
