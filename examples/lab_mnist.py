# %% [markdown]
# # Handwritten digits: a network and its training
#
# A network of dense layers learns to tell the digits 0 to 9 apart, from 60,000 small grey images. This is the first
# complete training of the course: data, network, loss, training, test, and a look at the mistakes.
#
# **The task.**
#
# 1. Build a network with at least one hidden layer and without convolutions; sigmoid or rectified units, softmax at the
#    end, cross-entropy as loss.
# 2. Set a part of the images aside for validation, or cross-validate, and show loss and accuracy over the epochs.
# 3. Reach more than 90 % of the test images, and look at those that go wrong.
#
# `fastnn lab mnist` does the same from the command line, and `fastnn lab mnist --notebook` writes this notebook with
# the settings that you give.

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
hidden = [256]  # units of the hidden layers
activation = "relu"  # of the hidden layers: relu, leaky_relu, sigmoid, tanh, linear
optimizer = "momentum"  # sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw
learning_rate = 0.1
batch_size = 128  # images per step
epochs = 15  # passes over the training images
validation = 0.1  # the fraction of the images set aside for validation
folds = 0  # cross-validate with this many folds first; 0: do not
seed = 1

# %%
import numpy as np
from IPython.display import Markdown

import fastnn
from fastnn import layers, plots
from fastnn.callbacks import TerminateOnNaN
from fastnn.model_selection import StratifiedKFold, cross_validate

# %% [markdown]
# ## The data
#
# Each image has 28 x 28 pixels, integers from 0 (background) to 255 (ink). The label is the digit. The test images are
# looked at only once, at the end.

# %%
fastnn.utils.set_random_seed(seed)
(x, y), (x_test, y_test) = fastnn.datasets.mnist.load_data(data)
classes = int(max(y.max(), y_test.max())) + 1
print(f"{len(x):,} images to train with, {len(x_test):,} to test, {classes} classes")
plots.images(x[:60], labels=y[:60], columns=15)

# %% [markdown]
# ## The mathematics
#
# An image is a row $x$ of 784 numbers, scaled to $[0, 1]$. A hidden layer computes
#
# $$z = x W + b, \qquad y = \max(0, z)$$
#
# with rectified units, and its gradients are $dz = dy \odot [z > 0]$, $dW = x^\top dz$, $db = \sum dz$ and
# $dx = dz\, W^\top$. The last layer has one output for each class and turns them into probabilities:
#
# $$p_k = \frac{e^{z_k}}{\sum_j e^{z_j}}$$
#
# The loss is the cross-entropy, minus the logarithm of the probability of the right class $c$. Together with softmax it
# has the simplest gradient that there is, probabilities minus truth ($t$ is 1 for the right class, else 0):
#
# $$L = -\log p_c, \qquad \frac{\partial L}{\partial z_k} = p_k - t_k$$
#
# Both are means over a mini-batch. Gradient descent with momentum $\mu$ keeps some of the direction of the steps
# before:
#
# $$v \leftarrow \mu v - \eta\, dW, \qquad W \leftarrow W + v$$
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


def build():
    """The network, ready to train."""
    model = fastnn.Sequential([fastnn.Input(x.shape[1:]), layers.Flatten(), layers.Rescaling(1 / 255)], name="mlp")
    for units in hidden:
        model.add(layers.Dense(units, activation=activation))
    model.add(layers.Dense(classes, activation="softmax"))
    model.compile(make_optimizer(), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


model = build()
model

# %% [markdown]
# ## Cross-validation
#
# One validation part is one opinion. With `folds = 5` the images are divided into five parts with the same share of
# each digit; five networks are trained, each is validated on another part, and the spread of their accuracies says how
# much to trust one of them.

# %%
if folds:
    splits = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, y))
    crossed = cross_validate(
        build, x, y, cv=splits, batch_size=batch_size, epochs=epochs, callbacks=[TerminateOnNaN()], verbose=0
    )
    for number, value in enumerate(crossed["test_accuracy"], 1):
        print(f"fold {number}: validation accuracy {value:.5f}")
    print(f"mean {crossed['test_accuracy'].mean():.5f} +- {crossed['test_accuracy'].std(ddof=1):.5f}")
else:
    print("no cross-validation: folds = 0")

# %% [markdown]
# ## Training

# %%
history = model.fit(
    x, y, batch_size=batch_size, epochs=epochs, validation_split=validation, callbacks=[TerminateOnNaN()], verbose=0
)
plots.learning_curves(history, title="-".join(map(str, (x[0].size, *hidden, classes))))

# %% [markdown]
# ## Results

# %%
test = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
last = {name: values[-1] for name, values in history.history.items()}
print(f"training    loss {last['loss']:.5f}   accuracy {last['accuracy']:.5f}   (mean over the last epoch)")
if validation:
    print(f"validation  loss {last['val_loss']:.5f}   accuracy {last['val_accuracy']:.5f}")
print(f"test        loss {test['loss']:.5f}   accuracy {test['accuracy']:.5f}")

# %% [markdown]
# Each row of the confusion matrix is a digit, each column an answer.

# %%
predictions = model.predict(x_test)
plots.confusion_matrix(y_test, predictions)

# %% [markdown]
# Test images that the network gets wrong, with truth → answer above each.

# %%
plots.misclassified(x_test, y_test, predictions)

# %% [markdown]
# ## Discussion

# %%
answers = predictions.argmax(axis=1)
wrong = np.flatnonzero(answers != y_test)
certain = float((predictions[wrong].max(axis=1) > 0.9).mean()) if len(wrong) else 0.0
pairs = np.bincount(y_test[wrong].astype(int) * classes + answers[wrong], minlength=classes**2)
truth, answer = divmod(int(pairs.argmax()), classes)
per_class = [float((answers[y_test == k] == k).mean()) if (y_test == k).any() else 1.0 for k in range(classes)]
hardest = int(np.argmin(per_class))
text = [
    f"{len(wrong):,} of {len(x_test):,} test images are wrong: the accuracy is {test['accuracy']:.2%}, "
    f"{'above' if test['accuracy'] > 0.9 else 'not above'} the 90 % of the task."
]
if len(wrong):
    text += [
        f"The most frequent mistake is {answer} for {truth}, {pairs.max()} times; the hardest digit is {hardest}, of "
        f"which {per_class[hardest]:.1%} are right.",
        f"In {certain:.0%} of the mistakes the network gives its wrong answer a probability above 90 %: a softmax is "
        "no measure of what a network does not know.",
    ]
if validation:
    best = int(np.argmin(history.history["val_loss"])) + 1
    text.append(
        f"In the last epoch the training accuracy is {last['accuracy']:.2%} and the validation accuracy "
        f"{last['val_accuracy']:.2%}. The validation loss is lowest in epoch {best} of {len(history.epoch)}"
        + (
            ": after it the network learns its training images better, not digits."
            if best < len(history.epoch)
            else "."
        )
    )
if folds:
    text.append(
        f"The accuracies of the {folds} folds spread by {crossed['test_accuracy'].std(ddof=1):.2%} (their standard "
        "deviation); differences between two settings that are smaller mean little."
    )
Markdown("\n".join(f"- {line}" for line in text))

# %% [markdown]
# ## Exercises
#
# 1. Set `activation = "sigmoid"`. How does the loss of the first epochs change, and why?
# 2. Set `hidden = []`: softmax regression. What does a linear classifier reach?
# 3. Find a `learning_rate` that is too large, and one that is too small, and describe both learning curves.
# 4. Set `folds = 5` and compare two sizes of the hidden layer. Is the difference larger than the spread?
# 5. Put `layers.Dropout(0.3)` behind the hidden layer. What happens to the distance between the two curves?
