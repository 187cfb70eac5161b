# %% [markdown]
# # Convolutions: filters and what they find
#
# A dense layer does not know that pixels have neighbours. A convolution does: a small window of weights, a filter,
# slides over the image, and the same few weights look at every place. This notebook trains a small convolutional
# network on handwritten digits and looks inside.
#
# **The task.**
#
# 1. Build two convolutions with pooling, and one dense layer.
# 2. Train them, and test.
# 3. Show the filters of the first layer, what they make of one image, and the images that go wrong.
#
# `fastnn lab convnet` does the same from the command line, and `fastnn lab convnet --notebook` writes this notebook
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
filters = [8, 16]  # filters before each pooling
learning_rate = 0.001  # of Adam
batch_size = 128  # images per step
epochs = 3  # passes over the training images
validation = 0.1  # the fraction of the images set aside for validation
seed = 1

# %%
import numpy as np
from IPython.display import Markdown

import fastnn
from fastnn import layers, plots
from fastnn.callbacks import TerminateOnNaN

# %% [markdown]
# ## The data

# %%
fastnn.utils.set_random_seed(seed)
(x, y), (x_test, y_test) = fastnn.datasets.mnist.load_data(data)
classes = int(max(y.max(), y_test.max())) + 1
print(f"{len(x):,} images to train with, {len(x_test):,} to test, {classes} classes")
plots.images(x[:30], labels=y[:30], columns=15)

# %% [markdown]
# ## The mathematics
#
# A filter $F$ of 3 x 3 weights is laid on every place of the image $X$, and the products are summed. (Strictly this is
# a correlation: the filter is not turned around.) With several channels $c$ the filter has a window for each of them:
#
# $$O_{r,s} = b + \sum_{c} \sum_{i=0}^{2} \sum_{j=0}^{2} X_{r+i,\,s+j,\,c}\; F_{i,j,c}$$
#
# Padding with a frame of zeros keeps the size of the image. Backward, the gradient of a filter is the same operation
# again, the image correlated with $dO$, and the gradient of the image is the full convolution of $dO$ with the filter
# turned by 180 degrees:
#
# $$dF = X \star dO, \qquad dX = dO * F$$
#
# Max-pooling keeps the largest of each 2 x 2 pixels, so the image halves in height and width; its gradient goes to the
# pixel that was the largest.
#
# A filter has 9 weights for each channel and one bias, wherever it looks. That is why the table below has so few
# parameters in the convolutions and most of them in the dense layer.
#
# ## The network

# %%
model = fastnn.Sequential(name="convnet")
model.add(fastnn.Input(x.shape[1:]))
model.add(layers.Rescaling(1 / 255))
model.add(layers.Reshape((*x.shape[1:3], -1)))  # adds the axis of the channels
for count in filters:
    model.add(layers.Conv2D(count, 3, padding="same"))
    model.add(layers.ReLU())
    model.add(layers.MaxPooling2D(2))
model.add(layers.Flatten())
model.add(layers.Dense(classes, activation="softmax"))
model.compile(fastnn.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
model

# %% [markdown]
# ## Training

# %%
history = model.fit(x, y, batch_size, epochs, validation_split=validation, callbacks=[TerminateOnNaN()], verbose=0)
plots.learning_curves(history, title="convnet")

# %% [markdown]
# ## Results

# %%
test = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
last = {name: values[-1] for name, values in history.history.items()}
print(f"training    loss {last['loss']:.5f}   accuracy {last['accuracy']:.5f}   (mean over the last epoch)")
if validation:
    print(f"validation  loss {last['val_loss']:.5f}   accuracy {last['val_accuracy']:.5f}")
print(f"test        loss {test['loss']:.5f}   accuracy {test['accuracy']:.5f}")

# %%
predictions = model.predict(x_test)
plots.confusion_matrix(y_test, predictions)

# %%
plots.misclassified(x_test, y_test, predictions)

# %% [markdown]
# ## What the filters look for
#
# The filters of the first layer, one scale of colours for all of them.

# %%
convolutions = [index for index, layer in enumerate(model.layers) if isinstance(layer, layers.Conv2D)]
plots.filters(model.layers[convolutions[0]].weights[0])

# %% [markdown]
# One test image, and what each filter finds in it: the output of the first layers, as a model of their own.

# %%
plots.images(x_test[:1])

# %%
poolings = [index for index, layer in enumerate(model.layers) if isinstance(layer, layers.MaxPooling2D)]
eye = fastnn.Sequential(model.layers[: poolings[0]])
maps = eye.predict(x_test[:1])
plots.feature_maps(maps)

# %% [markdown]
# ## A convolution by hand
#
# The first filter on that image, with two loops, against what the layer computes.

# %%
kernel, bias = model.layers[convolutions[0]].get_weights()
picture = np.pad(x_test[0].reshape(*x.shape[1:3], -1) / 255, ((1, 1), (1, 1), (0, 0)))
by_hand = np.empty(x.shape[1:3])
for r in range(by_hand.shape[0]):
    for s in range(by_hand.shape[1]):
        by_hand[r, s] = bias[0] + (picture[r : r + 3, s : s + 3] * kernel[..., 0]).sum()
difference = float(np.abs(np.maximum(by_hand, 0) - maps[0, ..., 0]).max())
print(f"largest difference: {difference:.1e}")

# %% [markdown]
# ## Discussion

# %%
wrong = int((predictions.argmax(axis=1) != y_test).sum())
in_filters = sum(model.layers[index].count_params() for index in convolutions)
total = model.count_params()
# What a dense layer would need for the same outputs as the first convolution.
dense = (x[0].size + 1) * x[0].shape[0] * x[0].shape[1] * filters[0]
quiet = float((maps == 0).mean())
Markdown(
    f"- {wrong:,} of {len(x_test):,} test images are wrong, an accuracy of {test['accuracy']:.2%}, with {total:,} "
    f"parameters. {in_filters:,} of them are in the convolutions.\n"
    f"- A dense layer with as many outputs as the first convolution would have {dense:,} parameters; the convolution "
    f"has {model.layers[convolutions[0]].count_params():,}, because every place of the image shares them.\n"
    f"- {quiet:.0%} of the first feature maps of the image above are exactly zero: a filter answers where it finds "
    f"what it looks for, an edge in one direction or a stroke, and is silent elsewhere.\n"
    f"- The convolution by hand and the layer differ by {difference:.1e}: the layer computes in float32, which has "
    f"about seven digits."
)

# %% [markdown]
# ## Exercises
#
# 1. Count the parameters of each layer by hand and compare them with the table.
# 2. Train a dense network with as many parameters. How much worse is it?
# 3. Move all test images by three pixels (`np.roll`). What happens to the accuracy of each of the two?
# 4. Draw the feature maps of the second convolution. What has become finer, what coarser?
# 5. `fastnn lab convnet --big` adds batch normalization and dropout and reaches 99.3 %. Build it yourself.
