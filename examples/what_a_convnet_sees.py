# %% [markdown]
# # What a convnet sees
#
# A small convolutional network learns to read digits, and then we look inside: what its filters do, what excites
# them, where it looks, and what it takes for a digit that is none.
#
# **The task.**
#
# 1. Train two convolutions on 20,000 digits.
# 2. Draw the filters of the first layer and what they make of an image.
# 3. Find the pieces of images that excite the filters of the second layer most.
# 4. Find out which pixels a decision depends on, by covering them and by the gradient.
# 5. Let the network draw: change an image until it is as much a 3 as can be.

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

# %% [markdown]
# ## The network
#
# A convolution moves small filters over the image. Filter $f$ gives at each place the inner product of its weights
# and the pixels below it,
#
# $$ y_{rcf} = \max\Bigl(0,\; b_f + \sum_{i,j,k} w_{ijkf}\; x_{r+i,\,c+j,\,k}\Bigr) , $$
#
# and pooling keeps the largest of each 2 × 2 places. The last layer has no softmax, so that the model gives the
# *logits*, the numbers before it: they show more than probabilities that are nearly 0 or 1.

# %%
(x, y), (x_test, y_test) = fastnn.datasets.mnist.load_data()

fastnn.utils.set_random_seed(1)
model = fastnn.Sequential(
    [
        fastnn.Input((28, 28)),
        layers.Rescaling(1 / 255),
        layers.Reshape((28, 28, 1)),
        layers.Conv2D(8, 5, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(16, 5, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(10),
    ]
)
loss = fastnn.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(fastnn.optimizers.Adam(0.002), loss, metrics=["accuracy"])
model.fit(x[:20_000], y[:20_000], batch_size=64, epochs=3, verbose=0)
accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
print(f"{model.count_params():,} parameters, test accuracy {accuracy:.1%}")

# %% [markdown]
# ## Filters and what they make of an image
#
# The eight filters of the first layer: 0 is grey, positive weights are orange, negative ones blue.

# %%
first, second = model.layers[2], model.layers[4]
plots.filters(first.kernel.value, columns=8)

# %% [markdown]
# A filter answers where the image is bright under its orange part and dark under its blue part. Its output for a
# whole image is a *feature map*. The first layers of the model are a model of their own, which computes the maps,
# here of the first test image, a seven:

# %%
eye = fastnn.Sequential(model.layers[:3])
plots.feature_maps(eye.predict(x_test[:1]), columns=4)

# %% [markdown]
# The filters share the seven out among themselves: some answer to its horizontal stroke, some to the slanted one,
# some to one edge of a stroke only. Compare each map with its filter above.
#
# ## What excites the second layer
#
# Its filters work on the maps of the first one, so that their weights say little to us. We ask them instead: which
# pieces of test images gave the largest output? One number of the second layer depends on 14 × 14 pixels: it sees 5 ×
# 5 places of the pooled maps, that is 10 × 10 pixels, and the first filters reach 2 pixels further on each side.

# %%
deeper = fastnn.Sequential(model.layers[:5])
maps = deeper.predict(x_test[:3000])  # (3000, 14, 14, 16)
padded = np.pad(x_test[:3000], ((0, 0), (6, 7), (6, 7)))

pieces = []
for channel in range(8):
    best = maps[..., channel].max(axis=(1, 2)).argsort()[::-1][:10]  # at most one piece of each image
    for image in best:
        row, column = np.unravel_index(maps[image, :, :, channel].argmax(), (14, 14))
        pieces.append(padded[image, 2 * row : 2 * row + 14, 2 * column : 2 * column + 14])
print("rows: the filters 0 to 7 of the second layer")
plots.images(np.array(pieces), columns=10)

# %% [markdown]
# Each row is a theme with variations: a stroke that turns, a corner, an arc that is open to one side, a horizontal
# line with nothing below. These are parts of digits, larger than the edges of the first layer and smaller than a
# whole digit. Most of them occur in several digits. The last layer only has to add up which parts it sees where.
#
# ## Which pixels matter
#
# Let $z$ be the logits and $t$ the true digit. The **margin** $z_t - \max_{k \ne t} z_k$ says how clear the decision
# is; below 0 it is wrong.
#
# - **Cover:** erase a square of 7 × 7 pixels, and compute the margin for each position of the square.
# - **Ask the gradient:** `model.backward` goes on to the input and returns $\partial z_t / \partial x$, how the logit
#   changes with each pixel.


# %%
def margin(images, digit):
    """How far the digit's logit is above the largest other one, (n,)."""
    logits = model.predict(images)
    return logits[:, digit] - np.delete(logits, digit, axis=1).max(axis=1)


def covered(image, digit, size=7):
    """The margin for each position of the square, (22, 22)."""
    places = 28 - size + 1
    images = np.repeat(image[None], places**2, axis=0)
    for k in range(places**2):
        row, column = divmod(k, places)
        images[k, row : row + size, column : column + size] = 0
    return margin(images, digit).reshape(places, places)


def gradient(image, digit):
    """How the digit's logit changes with each pixel, (28, 28)."""
    model.forward(image[None].astype(np.float32))
    return model.backward(np.eye(10, dtype=np.float32)[[digit]])[0]


def explain(indices):
    figure, axes = plots.panels(rows=3, columns=len(indices), size=(2.1, 2.2))
    for (top, middle, bottom), index in zip(axes.T, indices, strict=True):
        image, digit = x_test[index], int(y_test[index])
        top.imshow(image, cmap="gray_r")
        top.set_title(f"{digit}, margin {margin(image[None], digit)[0]:.1f}", fontsize=10)
        shown = middle.imshow(covered(image, digit), extent=(2.5, 24.5, 24.5, 2.5), cmap="PuOr", vmin=-12, vmax=12)
        middle.contour(image, levels=[128], colors="k", linewidths=0.7)
        slopes = gradient(image, digit)
        bottom.imshow(slopes, cmap="RdBu_r", vmin=-abs(slopes).max(), vmax=abs(slopes).max())
        bottom.contour(image, levels=[128], colors="k", linewidths=0.7)
    for panel in axes.flat:
        panel.set(xlim=(-0.5, 27.5), ylim=(27.5, -0.5), xticks=[], yticks=[])
    for panel, name in zip(axes[:, 0], ("image", "covered", "gradient"), strict=True):
        panel.set_ylabel(name)
    figure.colorbar(shown, ax=axes[1].tolist(), label="margin")
    return figure


explain([0, 1, 4, 18, 61])

# %% [markdown]
# Purple: still right with the square there; orange: wrong; pale: undecided. Where the margin is large, no single
# square can change the decision. Where it is small, there are a few places that everything depends on. Erasing can
# also *help*: where the map is darker than its surroundings, something is gone that spoke for another digit.
#
# The gradient is finer. Red: more ink here would speak for the digit; blue: against it. Red and blue side by side
# mean "move the stroke this way". But it is only about small changes, and looks noisy, because it also shows pixels
# that never have any ink.
#
# ## Where it is wrong

# %%
logits = model.predict(x_test)
wrong = np.flatnonzero(logits.argmax(axis=1) != y_test)
print(f"{len(wrong)} of {len(x_test):,} are wrong")
plots.misclassified(x_test, y_test, logits, count=24, columns=8)

# %%
plots.confusion_matrix(y_test, logits)

# %%
explain(wrong[:5])

# %% [markdown]
# With the wrong ones the map shows what went wrong: it is orange or pale almost everywhere, and where it turns
# purple, one has found the part that misled the network. Without it the decision would be right.
#
# ## Let it draw
#
# *Activation maximisation*: start with an empty image, and change it along the gradient of one logit. Each step also
# shifts the image at random by up to two pixels and back, and makes it a bit paler: without that it fills with specks
# that no pen would make.


# %%
def draw(digit, steps=200, rate=12.0):
    random = np.random.default_rng(digit)
    image = random.uniform(0, 20, (28, 28))
    for _ in range(steps):
        shift = random.integers(-2, 3, 2)
        slope = gradient(np.roll(image, shift, axis=(0, 1)), digit)
        image += rate * np.roll(slope, -shift, axis=(0, 1)) / abs(slope).max()
        image = np.clip(0.98 * image, 0, 255)
    return image


drawn = np.array([draw(digit) for digit in range(10)])
clear = np.array([margin(drawn[[digit]], digit)[0] for digit in range(10)])
plots.images(drawn / 255, labels=[f"{digit}: margin {m:.0f}" for digit, m in enumerate(clear)], columns=5)

# %%
typical = np.array([np.median(margin(x_test[y_test == digit], digit)) for digit in range(10)])
print("median margin of the test images:", ", ".join(f"{k}: {m:.0f}" for k, m in enumerate(typical)))
print(f"drawings with a larger margin than that: {np.sum(clear > typical)} of 10")

# %% [markdown]
# One recognises some of the digits, and others hardly. The network is nevertheless more certain of its drawings than
# of the median real image. It was only ever asked *which* digit an image is, never *whether* it is one: every image
# gets a digit.
#
# ## How far may a digit move?
#
# A convolution finds its pattern wherever it is. Does that make the whole network indifferent to shifts? Beside it a
# dense network with more weights, trained with the same images.

# %%
fastnn.utils.set_random_seed(1)
dense = fastnn.Sequential([fastnn.Input((28, 28)), layers.Flatten(), layers.Rescaling(1 / 255)])
dense.add(layers.Dense(64, activation="relu"))
dense.add(layers.Dense(10))
dense.compile("adam", loss, metrics=["accuracy"])
dense.fit(x[:20_000], y[:20_000], batch_size=64, epochs=8, verbose=0)

shifts = range(9)
print("pixels:  ", " ".join(f"{shift:6}" for shift in shifts))
figure, axes = plots.panels(size=(6, 3.6))
panel = axes[0, 0]
for name, network, look in (("convnet", model, "o-"), ("dense", dense, "s--")):
    shifted = [np.roll(x_test[:3000], shift, axis=2) for shift in shifts]
    accuracies = [network.evaluate(images, y_test[:3000], verbose=0)[1] for images in shifted]
    panel.plot(shifts, accuracies, look, label=f"{name}, {network.count_params():,} parameters")
    print(f"{name:8}", " ".join(f"{accuracy:6.1%}" for accuracy in accuracies))
panel.set(xlabel="shift to the right (pixels)", ylabel="accuracy", ylim=(0, 1))
panel.legend()
figure

# %% [markdown]
# Two pixels cost the convnet little, and the dense network a quarter of its accuracy. But a convnet is not
# indifferent to shifts: its filters do not mind where a part is, the dense layer at its end does. It has seen centred
# digits only.
#
# ## Discussion
#
# - The first layer finds strokes and edges, the second one parts of digits, the last one adds up which parts are
#   where.
# - A decision can be questioned: covering shows what it depends on, and often why it is wrong.
# - Certainty is not knowledge. The network is certain of drawings that are no digits, because nothing in its training
#   was none.
# - All of this needs only `predict`, `forward` and `backward`. A model is a row of layers, and a part of it is a
#   model.
#
# ## Exercises
#
# **1. Fool it.** Change 1,000 test images by a step of 25 of 255 grey levels against the sign of `gradient`, `image -
# 25 * np.sign(gradient(image, digit))`, within 0 and 255. Compare the accuracy with that for random steps of the same
# size. *Hint:* `forward` and `backward` take all images at once. The digits stay easy to read for you.
#
# **2. Teach it to shift.** Train the same network with each image also moved by −4, −2, 2 and 4 pixels to the side,
# one epoch, and draw the last figure again. *Hint:* `np.concatenate([np.roll(x[:20_000], shift, axis=2) for shift in
# (-4, -2, 0, 2, 4)])` are five times as many images, so one epoch is enough.
#
# **3. Draw without help.** Leave out the random shifts in `draw`, then the fading, too. *Hint:* the margins become
# larger and the images worse. Which of the two is the goal?
