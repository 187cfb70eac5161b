# %% [markdown]
# # Overfitting, and what helps
#
# A network that is large enough learns its training data by heart. What counts is how it does on data that it has not
# seen.
#
# **The task.**
#
# 1. See overfitting: as a curve that runs through every point, and as two learning curves that part.
# 2. Try what is said to help: dropout, L2, noise, early stopping, a smaller network, shifted copies, more data.
# 3. Measure each over three seeds, in one table, so that you see which differences are more than chance.
# 4. Do it again with wrong labels, where overfitting does the most harm.

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
from fastnn import layers, plots
from fastnn.callbacks import EarlyStopping
from fastnn.regularizers import L2

# %% [markdown]
# ## A picture of it
#
# Twenty points: a sine plus noise. The network, 1-64-64-1, has 4,353 parameters, far more than there are points. We
# look at it after 100, 1,000 and 10,000 epochs, without and with an *L2 penalty*. That adds $\lambda \sum_k w_k^2$ to
# the loss, so that large weights, which make steep curves, have a price.

# %%
random = np.random.default_rng(2)
x_points = np.sort(random.uniform(-1, 1, (20, 1)), axis=0)
y_points = np.sin(3 * x_points) + random.normal(0, 0.25, x_points.shape)
across = np.linspace(-1, 1, 300)[:, None]
truth = np.sin(3 * across)

figure, axes = plots.panels(rows=2, columns=3, size=(3.4, 2.7))
for row, penalty in zip(axes, (0.0, 0.001), strict=True):
    fastnn.utils.set_random_seed(1)
    curve = fastnn.Sequential(
        [
            fastnn.Input((1,)),
            layers.Dense(64, activation="tanh", kernel_regularizer=L2(penalty)),
            layers.Dense(64, activation="tanh", kernel_regularizer=L2(penalty)),
            layers.Dense(1, kernel_regularizer=L2(penalty)),
        ]
    )
    curve.compile(fastnn.optimizers.Adam(0.01), "mse")
    for panel, (before, epochs) in zip(row, ((0, 100), (100, 1000), (1000, 10_000)), strict=True):
        curve.fit(x_points, y_points, batch_size=20, initial_epoch=before, epochs=epochs, verbose=0)
        # mean squared errors
        on_points = np.mean((curve.predict(x_points) - y_points) ** 2)
        from_truth = np.mean((curve.predict(across) - truth) ** 2)
        print(
            f"L2 {penalty:5}, {epochs:6,} epochs: error {on_points:.3f} on the points, {from_truth:.3f} from the sine"
        )
        panel.plot(across, truth, "k--", linewidth=1, label="sine")
        panel.plot(across, curve.predict(across), label="network")
        panel.plot(x_points, y_points, "o", color="tab:orange", markersize=4, label="points")
        panel.set(title=f"L2 {penalty}, {epochs:,} epochs", ylim=(-3, 2))
axes[0, 0].legend(fontsize=8)
figure

# %% [markdown]
# Without the penalty the error on the points falls and falls, while the distance from the sine grows: after 10,000
# epochs the curve runs through the noise. With the penalty it stays smooth, however long we train.
#
# In real problems there is no "truth" to compare with. Its place is taken by **validation data**: points that are not
# trained with.
#
# ## Five hundred digits
#
# The same with images: only 500 of MNIST's 60,000 images to train, 1,000 others to validate, and the 10,000 test
# images, which we look at last.

# %%
(x, y), (x_test, y_test) = fastnn.datasets.mnist.load_data()
order = np.random.default_rng(0).permutation(len(x))
x, y = x[order], y[order]
x_train, y_train = x[:500], y[:500]
x_val, y_val = x[-1000:], y[-1000:]


def network(units=256, dropout=0.0, penalty=0.0, noise=0.0):
    model = fastnn.Sequential([fastnn.Input((28, 28)), layers.Flatten(), layers.Rescaling(1 / 255)])
    model.add(layers.GaussianNoise(noise))
    model.add(layers.Dense(units, activation="relu", kernel_regularizer=L2(penalty)))
    model.add(layers.Dropout(dropout))
    model.add(layers.Dense(10, activation="softmax", kernel_regularizer=L2(penalty)))
    return model


def train(images, labels, epochs=40, stop=False, seed=0, **options):
    fastnn.utils.set_random_seed(seed)
    model = network(**options)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    callbacks = [EarlyStopping("val_loss", patience=5, restore_best_weights=True)] if stop else []
    validation = x_val, y_val
    model.fit(images, labels, 50, epochs, validation_data=validation, callbacks=callbacks, verbose=0)
    return model


plain = train(x_train, y_train)
plots.learning_curves(plain.history)

# %%
losses, accuracies = plain.history.history["val_loss"], plain.history.history["val_accuracy"]
best = int(np.argmin(losses))
print(f"least validation loss: {losses[best]:.3f}, after epoch {best + 1}; accuracy {accuracies[best]:.1%}")
print(f"after the last epoch:  {losses[-1]:.3f}; accuracy {accuracies[-1]:.1%}")

probabilities = plain.predict(x_val)
wrong = probabilities.argmax(axis=1) != y_val
print(f"median confidence where the network is wrong: {np.median(probabilities.max(axis=1)[wrong]):.0%}")

# %% [markdown]
# The training accuracy is 100 % soon, and the training loss goes to 0. The validation loss has its minimum early and
# then **rises**, although the accuracy does not fall. Both is right: the loss is $-\log p$ of the true class, and a
# network that is more and more certain pays more for each of its mistakes. Who needs only the most probable class
# loses nothing here; who needs the probabilities does.
#
# ## What helps
#
# | | what it does |
# |---|---|
# | smaller network | fewer numbers to learn by heart with: 16 units in the place of 256 |
# | L2 | large weights cost |
# | dropout | each hidden output is 0 with probability $p$, anew in each step; the others are divided by $1 - p$ |
# | noise | adds Gaussian noise to the pixels, anew in each step |
# | early stopping | ends 5 epochs after the least validation loss, and goes back to the weights of that epoch |
# | shifted copies | each image also moved by one pixel in eight directions: 4,500 images from 500 |
# | more data | 4,000 other images besides |
#
# Each is trained with three seeds, all but early stopping with at least 400 steps. `±` is the standard deviation over
# the seeds: smaller differences mean little.

# %%
moves = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
shifted = np.concatenate([np.roll(x_train, move, axis=(1, 2)) for move in moves])
shifted_labels = np.tile(y_train, len(moves))

few, copies, many = (x_train, y_train), (shifted, shifted_labels), (x[:4500], y[:4500])
variants = {
    "nothing": (few, {}),
    "smaller network": (few, {"units": 16}),
    "L2": (few, {"penalty": 0.001}),
    "dropout": (few, {"dropout": 0.5}),
    "noise": (few, {"noise": 0.3}),
    "dropout + noise": (few, {"dropout": 0.5, "noise": 0.3}),
    "early stopping": (few, {"stop": True}),
    "shifted copies": (copies, {"epochs": 15}),
    "copies, dropout, noise": (copies, {"epochs": 15, "dropout": 0.5, "noise": 0.2}),
    "more data": (many, {"epochs": 15}),
}
cross_entropy = fastnn.losses.SparseCategoricalCrossentropy()


def scores(model, images, labels):
    """Accuracy and cross-entropy; `evaluate` would add the L2 penalty to the loss."""
    probabilities = model.predict(images)
    return (probabilities.argmax(axis=1) == labels).mean(), cross_entropy(labels, probabilities)


histories = {}
print(f"{'':23}   train     val       test accuracy      val        test loss   epochs")
for name, (data, options) in variants.items():
    runs = []
    for seed in range(3):
        model = train(*data, seed=seed, **options)
        three = data, (x_val, y_val), (x_test, y_test)
        runs.append([*np.ravel([scores(model, *part) for part in three]), len(model.history.epoch)])
    histories[name] = model.history
    mean, spread = np.mean(runs, axis=0), np.std(runs, axis=0)
    print(
        f"{name:23} {mean[0]:7.1%} {mean[2]:7.1%}    {mean[4]:7.1%} ± {spread[4]:4.1%}"
        f"    {mean[3]:6.3f}   {mean[5]:6.3f} ± {spread[5]:.3f}   {mean[6]:6.0f}"
    )

# %%
shown = "nothing", "dropout + noise", "early stopping", "shifted copies", "copies, dropout, noise", "more data"
plots.compare({name: histories[name] for name in shown}, "val_loss", log=True)

# %% [markdown]
# - **Data help most**, and copies that cost nothing nearly as much: the same 500 images, each in nine places, take
#   away about a third of the errors. We told the network something that is true of digits: moved by a pixel they are
#   still the same.
# - **Dropout and noise** together improve the accuracy a little, by about twice the spread. Each alone, and L2,
#   change it by about the spread: one seed could show anything.
# - **The loss** tells more. Everything but the smaller network and the noise alone lowers it clearly: the network is
#   less often certain and wrong.
# - **Early stopping** gives the same accuracy in half of the epochs.
# - **The smaller network** is worse, in both. It overfits less only because it can do less.
#
# The validation data rank the variants nearly as the test data do, which is why one may choose with them. A choice by
# the test data would make the test result too good: that is overfitting, too, by hand.
#
# ## How much more data?

# %%
sizes = [125, 250, 500, 1000, 2000, 4000]
seen, unseen = [], []
for n in sizes:
    model = train(x[:n], y[:n], epochs=max(10, 20_000 // n))
    seen.append(1 - scores(model, x[:n], y[:n])[0])
    unseen.append(1 - scores(model, x_val, y_val)[0])
    print(f"{n:5} images: wrong {seen[-1]:5.1%} of them, {unseen[-1]:5.1%} of the validation images")
figure, axes = plots.panels(size=(6, 3.6))
panel = axes[0, 0]
panel.plot(sizes, seen, "o-", label="on the training images")
panel.plot(sizes, unseen, "s--", label="on the validation images")
panel.set(xscale="log", xlabel="number of training images", ylabel="error rate")
panel.set_xticks(sizes, [f"{n:,}" for n in sizes])
panel.minorticks_off()
panel.legend()
figure

# %% [markdown]
# The training error is close to 0 everywhere and says nothing. Each time the number of images is doubled, the
# validation error falls by a fifth to a quarter. Before you search for a better network, draw this curve: it tells
# what collecting more data would bring.
#
# ## Wrong labels
#
# So far all labels were right, and learning them by heart cost little accuracy. Now 2,000 images of which 40 % get a
# random label. The validation and test images keep their right labels.

# %%
random = np.random.default_rng(1)
images, right, noisy = x[:2000], y[:2000], y[:2000].copy()
changed = random.random(len(noisy)) < 0.4
noisy[changed] = random.integers(0, 10, changed.sum())
wrong = noisy != right
print(f"{wrong.mean():.0%} of the labels are wrong")

variants = {
    "nothing": {},
    "L2": {"penalty": 0.003},
    "dropout": {"dropout": 0.5},
    "early stopping": {"stop": True},
}
histories = {}
for name, options in variants.items():
    model = train(images, noisy, epochs=30, **options)
    histories[name] = model.history
    accuracy, loss = scores(model, x_test, y_test)
    learned = scores(model, images[wrong], noisy[wrong])[0]
    print(
        f"{name:15} {len(model.history.epoch):2} epochs: {learned:4.0%} of the wrong labels learned, "
        f"test accuracy {accuracy:.1%}, loss {loss:.2f}"
    )
plots.compare(histories, "val_accuracy")

# %% [markdown]
# The network that is left alone first learns what most images have in common, and then the wrong labels, one by one:
# its accuracy rises for a few epochs and falls from then on. Whatever slows down the learning by heart helps:
# penalty, dropout, and stopping.
#
# ## Discussion
#
# - The training loss says nothing about new data. Only data that were not trained with do.
# - With right labels overfitting cost little accuracy, but it made the network too certain. With wrong labels it cost
#   both. Labels that come from people are never all right.
# - More data helped more than any trick, and copies that use what we know about the problem came close.
# - Differences between the tricks are small. One run cannot tell them apart; three with their spread tell a little;
#   the choice between dropout 0.4 and 0.5 is not worth a thought.
#
# ## Exercises
#
# **1. How much dropout?** Train the shifted copies with dropout 0.2, 0.5 and 0.8. Choose by the validation loss, then
# look at the test images once. *Hint:* there can be too much of it.
#
# **2. Other copies.** Move by up to two pixels: 25 copies, with `epochs=6`. Then train with mirror images,
# `x_train[:, :, ::-1]`, as the copies. *Hint:* one of the two is worse than nothing. Which of your assumptions about
# digits is wrong?
#
# **3. What to watch.** Let `train` stop by `EarlyStopping("val_accuracy", patience=5, restore_best_weights=True)` and
# repeat the experiment with wrong labels. Which of the two quantities has its best value earlier, and why? *Hint:*
# look at the confidence, `model.predict(x_val).max(axis=1).mean()`, of both.
