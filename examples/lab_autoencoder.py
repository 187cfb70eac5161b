# %% [markdown]
# # Feature learning: what an autoencoder sees
#
# An autoencoder is a network that learns to give back its own input. It needs no labels. Between input and output there
# is a narrow layer, so it must find a few numbers, features, that describe an image well. Are they good for anything?
#
# **The task.**
#
# 1. Build 784-128-784 and train it with images as their own targets.
# 2. Train a second one that gets noisy images and has to give back the clean ones, with dropout on its features.
# 3. Show images with their reconstructions, and the weights of the first units as pictures.
# 4. Use the features: train a linear classifier with few labels on the pixels, and on the features of each network.
#
# `fastnn lab autoencoder --compare` does the same from the command line, and `fastnn lab autoencoder --notebook` writes
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
data = None  # a folder with MNIST's four files; None: the images that come with fastnn
hidden = 128  # units of the hidden layer: the features
loss = "bce"  # bce (binary cross-entropy) or mse (mean squared error)
denoise = "gaussian"  # noise on the input: none, gaussian, masking
noise = 0.5  # its standard deviation, or the fraction of pixels set to 0
dropout = 0.2  # the fraction of the features dropped during training
compare = True  # a plain network beside the one with noise and dropout
labels = 1000  # the labels for the linear classifier
optimizer = "adam"  # sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw
learning_rate = 0.001
batch_size = 128  # images per step
epochs = 6  # passes over the training images
seed = 1

# %%
import numpy as np
from IPython.display import Markdown

import fastnn
from fastnn import layers, plots
from fastnn.callbacks import TerminateOnNaN

# %% [markdown]
# ## The data
#
# Images are their own targets: rows of pixels from 0 to 1. The labels wait until the end.

# %%
(x, y), (x_test, y_test) = fastnn.datasets.mnist.load_data(data)
targets, targets_test = (pixels.reshape(len(pixels), -1) / np.float32(255) for pixels in (x, x_test))
print(f"{len(x):,} images to train with, {len(x_test):,} to test")
plots.images(x[:30], columns=15)

# %% [markdown]
# ## The mathematics
#
# The encoder computes features $h$ from an image $x$, the decoder an image $y$ from the features:
#
# $$h = \max(0,\; x W_1 + b_1), \qquad y = \sigma(h W_2 + b_2)$$
#
# The loss compares $y$ with $x$ itself. A pixel between 0 and 1 can be taken for a probability of ink, so the binary
# cross-entropy fits, the mean over all pixels; its gradient at the last layer is again $y - x$, divided by the pixels:
#
# $$L = -\operatorname{mean}\left[ x \log y + (1 - x) \log(1 - y) \right]$$
#
# It does not fall to zero even where $y = x$, unless every pixel is 0 or 1: what is left is the entropy of grey pixels.
#
# The denoising autoencoder computes $h$ from $x + \varepsilon$ but still compares with the clean $x$.
# Copying pixels is no longer enough; it must know what strokes look like. Dropout sets a random part of $h$ to zero
# during training, so no feature can rely on another one. Neither noise nor dropout is active outside training.
#
# ## The networks


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


def build(noise_kind, rate):
    """An autoencoder, ready to train: pixels, features, pixels."""
    fastnn.utils.set_random_seed(seed)
    model = fastnn.Sequential([fastnn.Input(x.shape[1:]), layers.Flatten(), layers.Rescaling(1 / 255)])
    if noise_kind == "gaussian":
        model.add(layers.GaussianNoise(noise, name="noise"))
    elif noise_kind == "masking":
        model.add(layers.Dropout(noise, name="noise"))  # which also scales up the pixels that it keeps
    model.add(layers.Dense(hidden, activation="relu", name="features"))
    if rate:
        model.add(layers.Dropout(rate))
    model.add(layers.Dense(targets.shape[1], activation="sigmoid"))
    model.compile(make_optimizer(), {"bce": "binary_crossentropy", "mse": "mean_squared_error"}[loss], metrics=["mse"])
    return model


variants = {"autoencoder": (denoise, dropout)}
if compare:
    variants = {"plain": ("none", 0.0), "denoising": ("gaussian" if denoise == "none" else denoise, dropout or 0.2)}
for name, (noise_kind, rate) in variants.items():
    print(f"{name}: noise {noise_kind}, dropout {rate:g}, {build(noise_kind, rate).count_params():,} parameters")

# %% [markdown]
# ## Training

# %%
models, histories, scores = {}, {}, {}
for name, variant in variants.items():
    models[name] = build(*variant)
    histories[name] = models[name].fit(
        x, targets, batch_size=batch_size, epochs=epochs, validation_data=(x_test, targets_test), verbose=0,
        callbacks=[TerminateOnNaN()],
    )  # fmt: skip
    scores[name] = models[name].evaluate(x_test, targets_test, verbose=0, return_dict=True)
    print(f"{name}: test loss {scores[name]['loss']:.5f}, mean squared error {scores[name]['mse']:.5f}")

figure, panels = plots.panels(columns=len(models), size=(4.5, 3.4))
for panel, (name, history) in zip(panels[0], histories.items(), strict=True):
    panel.sharey(panels[0, 0])
    plots.learning_curves(history, "loss", axes=panel, validation="test", title=name)
plots.one_legend(panels)

# %% [markdown]
# ## Reconstructions
#
# The layers of a network up to one of them are a network of their own, which shares the weights. So the noisy images
# can be shown as well.


# %%
def up_to(model, last):
    """The layers up to the one of this name, as a model of their own."""
    names = [layer.name for layer in model.layers]
    return fastnn.Sequential([fastnn.Input(model.input_shape[1:]), *model.layers[: names.index(last) + 1]])


def reconstruct(model, images):
    """What the model makes of images, and the noisy images if it has noise."""
    names = [layer.name for layer in model.layers]
    if "noise" not in names:
        return model.predict(images), None
    at = names.index("noise")
    noisy = up_to(model, "noise").forward(images, training=True)
    rest = fastnn.Sequential([fastnn.Input(noisy.shape[1:]), *model.layers[at + 1 :]])
    kept = 1 - model.layers[at].rate if isinstance(model.layers[at], layers.Dropout) else 1  # undo the scaling
    return rest.predict(noisy), noisy * kept


figure, panels = plots.panels(rows=len(models), size=(7, 2.3))
for panel, (name, model) in zip(panels[:, 0], models.items(), strict=True):
    reconstructed, noisy = reconstruct(model, x_test[:10])
    plots.reconstructions(x_test[:10] / 255, reconstructed, noisy, axes=panel)
    panel.set_title(name)
figure

# %% [markdown]
# ## Filters
#
# Each unit of the hidden layer has 784 weights, one for each pixel: a picture of what it looks for. All have one scale
# of colours.

# %%
kernels = {name: up_to(model, "features").layers[-1].weights[0] for name, model in models.items()}
largest = max(float(np.abs(kernel[:, :16]).max()) for kernel in kernels.values())
figure, panels = plots.panels(columns=len(models), size=(4.5, 4))
for panel, (name, kernel) in zip(panels[0], kernels.items(), strict=True):
    plots.filters(kernel, x.shape[1:], count=16, limit=largest, axes=panel)
    panel.set_title(name)
figure

# %% [markdown]
# ## The features at work
#
# A linear classifier (softmax regression) gets few labels, and either the pixels or the features of an encoder.


# %%
def linear_accuracy(few, few_labels, test):
    """The test accuracy of a linear classifier that is trained on these."""
    width = int(max(few_labels.max(), y_test.max())) + 1
    model = fastnn.Sequential([fastnn.Input(few.shape[1:]), layers.Dense(width, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(few, few_labels, epochs=100, verbose=0)
    return model.evaluate(test, y_test, verbose=0)[1]


y_few = y[:labels]
on_pixels = linear_accuracy(targets[:labels], y_few, targets_test)
print(f"with {len(y_few):,} labels, on {targets.shape[1]} pixels: {on_pixels:.2%}")
for name, model in models.items():
    encoder = up_to(model, "features")
    scores[name]["accuracy on features"] = linear_accuracy(encoder.predict(x[:labels]), y_few, encoder.predict(x_test))
    print(f"with {len(y_few):,} labels, on {hidden} features ({name}): {scores[name]['accuracy on features']:.2%}")

# %% [markdown]
# ## Discussion

# %%
mean_image = float(((targets_test - targets.mean(axis=0)) ** 2).mean())
text = [
    f"Answering the mean training image for every image has a mean squared error of {mean_image:.4f}; the networks, "
    f"from {hidden} numbers for each image and without noise: "
    + ", ".join(f"{score['mse']:.4f} ({name})" for name, score in scores.items())
    + "."
]
for name, score in scores.items():
    gain = score["accuracy on features"] - on_pixels
    text.append(
        f"On the features of `{name}` the linear classifier is {abs(gain):.1%} {'better' if gain > 0 else 'worse'} "
        f"than on the pixels ({score['accuracy on features']:.2%} against {on_pixels:.2%})."
    )
if compare:
    plain, denoising = (scores[name] for name in ("plain", "denoising"))
    closer = "plain" if plain["mse"] < denoising["mse"] else "denoising"
    useful = max(scores, key=lambda name: scores[name]["accuracy on features"])
    text.append(
        f"The {closer} network gives back clean images more exactly, the features of the {useful} one serve the "
        "classifier better: "
        + ("the same network." if closer == useful else "a good copy and good features are two things.")
    )
    rough = {name: float(np.abs(np.diff(k.T.reshape(-1, *x.shape[1:]), axis=2)).mean() / np.abs(k).mean())
             for name, k in kernels.items()}  # fmt: skip
    text.append(
        "Neighbouring weights of a filter differ, in parts of the mean weight, by "
        + ", ".join(f"{value:.2f} ({name})" for name, value in rough.items())
        + ": the smaller, the smoother the picture."
    )
Markdown("\n".join(f"- {line}" for line in text))

# %% [markdown]
# ## Exercises
#
# 1. Train with `hidden = 16`. How much does the error grow, and do the features still serve the classifier?
# 2. Replace the noise by `denoise = "masking"`. What do the filters look like now?
# 3. Give the classifier 100 and 10,000 labels. When do features stop paying?
# 4. Build an autoencoder with two features, and draw the test images as points in that plane, coloured by their labels.
