# %% [markdown]
# # Letters by full-batch gradient descent
#
# A network with one wide hidden layer learns the letters A to J, by plain gradient descent with momentum on all
# training images at once. An epoch is then a single step along the exact gradient: slow, but with nothing left to
# chance.
#
# **The task.**
#
# 1. Build 784-1000-10 with rectified units, softmax and Xavier's initial weights.
# 2. Train on 10,000 letters with the momentum rule of the course, and validate on 6,000 others.
# 3. Show loss and accuracy over the epochs, and test on letters that were never used.
#
# `fastnn lab letters` does the same from the command line, with 200 epochs, and `fastnn lab letters --notebook` writes
# this notebook with the settings that you give.

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
data = None  # the file notMNIST.npz; None: letters that fastnn draws from the fonts of this machine
hidden = [1000]  # units of the hidden layers
optimizer = "momentum"  # sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw
learning_rate = 0.1
batch_size = 10_000  # letters per step: all
epochs = 60  # passes over the training letters
seed = 1

# %%
import math
import time
from itertools import pairwise

import numpy as np
from IPython.display import Markdown

import fastnn
from fastnn import layers, plots
from fastnn.callbacks import TerminateOnNaN
from fastnn.model_selection import train_test_split

# %% [markdown]
# ## The data
#
# 28 x 28 grey images of the letters A to J. Without a file, fastnn draws them in many fonts, at random sizes, angles
# and strokes. The first time this takes some seconds; they are kept.

# %%
LETTERS = "ABCDEFGHIJ"
fastnn.utils.set_random_seed(seed)
images, labels = fastnn.datasets.letters.load_data(data)
x, rest, y, rest_labels = train_test_split(images, labels, train_size=10_000, random_state=seed)
x_val, x_test, y_val, y_test = train_test_split(rest, rest_labels, train_size=6_000, random_state=seed)
print(f"{len(x):,} letters to train with, {len(x_val):,} to validate, {len(x_test):,} to test")
plots.images(x[:60], labels=[LETTERS[label] for label in y[:60]], columns=20)

# %% [markdown]
# ## The mathematics
#
# The layers are those of the lab on digits: $z = x W + b$, rectified units, softmax with cross-entropy. Two things are
# new.
#
# **Xavier's initial weights.** A sum of $i$ products grows with $i$. So that signals neither grow nor vanish on their
# way forward and gradients on their way back, the weights of a layer with $i$ inputs and $o$ outputs are drawn from
#
# $$W \sim N\left(0,\; \frac{2}{i + o}\right)$$
#
# where the second number is the variance; the biases begin at zero.
#
# **Momentum.** The course writes it as
#
# $$v \leftarrow 0.9\, v + 0.1\, g, \qquad W \leftarrow W - v$$
#
# with the gradient $g$. Keras and fastnn write $v \leftarrow 0.9\, v - 0.1\, g$ and $W \leftarrow W + v$: the other
# sign of $v$, the same weights. While the gradient stays the same, $v$ approaches $0.1\, g\, (1 + 0.9 + 0.9^2 + \dots)
# = g$: a step ten times as long as without momentum.
#
# ## The network


# %%
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


sizes = [x[0].size, *hidden, 10]
model = fastnn.Sequential([fastnn.Input(x.shape[1:]), layers.Flatten(), layers.Rescaling(1 / 255)])
for inputs, outputs in pairwise(sizes):
    last = len(model.layers) == len(sizes)  # two layers before them
    xavier = fastnn.initializers.RandomNormal(stddev=math.sqrt(2 / (inputs + outputs)))
    model.add(layers.Dense(outputs, activation="softmax" if last else "relu", kernel_initializer=xavier))
model.compile(make_optimizer(), "sparse_categorical_crossentropy", metrics=["accuracy"])
model

# %% [markdown]
# ## Training
#
# The training loss of an epoch is computed before its step, the validation loss after it.

# %%
began = time.perf_counter()
history = model.fit(
    x, y, batch_size=batch_size, epochs=epochs, shuffle=batch_size < len(x), validation_data=(x_val, y_val), verbose=0,
    callbacks=[TerminateOnNaN()],
)  # fmt: skip
print(f"{len(history.epoch)} epochs in {time.perf_counter() - began:.1f} s")
plots.learning_curves(history, title="-".join(map(str, sizes)))

# %% [markdown]
# ## Results

# %%
parts = {"train": (x, y), "validation": (x_val, y_val), "test": (x_test, y_test)}
scores = {name: model.evaluate(*part, verbose=0, return_dict=True) for name, part in parts.items()}
for name, score in scores.items():
    print(f"{name:<11} loss {score['loss']:.5f}   accuracy {score['accuracy']:.5f}")

# %%
predictions = model.predict(x_test)
plots.confusion_matrix(y_test, predictions, labels=list(LETTERS))

# %% [markdown]
# Letters that the network gets wrong, with truth → answer above each.

# %%
plots.misclassified(x_test, y_test, predictions, labels=list(LETTERS))

# %% [markdown]
# ## Discussion

# %%
steps = len(history.epoch) * -(-len(x) // batch_size)
answers = predictions.argmax(axis=1)
right = np.array([(answers[y_test == k] == k).mean() for k in range(10)])
values = history.history["loss"]
rises = sum(later > earlier for earlier, later in pairwise(values))
slope = (values[-2] - values[-1]) / values[-1] if len(values) > 1 else 1.0
if slope > 0.001:
    verdict = "training was not at its end, more epochs lower it further"
else:
    verdict = "little is left to gain" if slope > -0.001 else "it went uphill"
text = [
    f"The network reaches {scores['train']['accuracy']:.2%} of the training letters, "
    f"{scores['validation']['accuracy']:.2%} of the validation letters and {scores['test']['accuracy']:.2%} of the "
    f"test letters, after {steps:,} steps.",
    f"Easiest is {LETTERS[right.argmax()]} ({right.max():.1%} right), hardest {LETTERS[right.argmin()]} "
    f"({right.min():.1%}).",
    f"From one epoch to the next the training loss rose {rises} times in {len(values)} epochs. In the last one it "
    f"changed by {-slope:+.2%}: {verdict}."
    if len(values) > 1
    else "One epoch does not say whether training was at its end.",
]
if batch_size > 128:
    text.append(
        f"Mini-batches of 128 would have made {len(history.epoch) * -(-len(x) // 128):,} steps in as many epochs, each "
        f"on a rougher gradient, instead of {steps:,}."
    )
Markdown("\n".join(f"- {line}" for line in text))

# %% [markdown]
# ## Exercises
#
# 1. Set `batch_size = 100`. How many epochs are needed for the same validation accuracy, and how many seconds?
# 2. Set `optimizer = "sgd"`: no momentum. Which learning rate makes up for it?
# 3. Begin with weights from N(0, 1) instead of Xavier's. What does the first loss tell you?
# 4. On notMNIST itself this network is known to end, after 200 epochs, at an accuracy of 0.9768 (training) and 0.9128
#    (validation). Why is the distance larger there? Look at its letters.
