# %% [markdown]
# # Backpropagation: two hidden layers on linear and XOR data
#
# A network with two inputs, two hidden layers and one output learns to separate two classes of points in the plane.
# Every step of its training is a handful of matrix products, and this notebook writes them down, checks them against
# finite differences, and then lets them run.
#
# **The task.**
#
# 1. Train one network on points that a straight line separates, and another one on XOR, which no line separates.
# 2. Use sigmoids, the mean squared error and plain gradient descent on all points at once.
# 3. Show the learning curves, the predictions beside the truth, and what the networks say about the whole plane.
# 4. Discuss why the one problem takes longer than the other.
#
# `fastnn lab backprop` does the same from the command line, and
# `fastnn lab backprop --notebook` writes this notebook with the settings that you give.

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
samples = 100  # points of the linear data
hidden = [4, 4]  # units of the hidden layers
activation = "sigmoid"  # of the hidden layers: sigmoid, tanh, relu, leaky_relu
loss = "mse"  # mse (mean squared error) or half-mse (half of it)
bias = True
optimizer = "sgd"  # sgd, momentum, adagrad, adam
learning_rate = 1.0
epochs = 10_000  # at most; an epoch is one step on all points
loss_threshold = 0.005  # training stops below it; 0: never
seed = 1

# %%
from IPython.display import Markdown

import fastnn
from fastnn import layers, plots
from fastnn.callbacks import LossThreshold, TerminateOnNaN
from fastnn.datasets import points

# %% [markdown]
# ## The data
#
# Linear: points drawn uniformly from the unit square, label 0 where $x_1 > x_2$, else 1. New points of the same kind
# are kept for the test.
#
# XOR: points along the two diagonals, one class on each. They are all that there is, so the test uses the same ones.

# %%
fastnn.utils.set_random_seed(seed)
data = {"linear": points.generate_linear(samples), "XOR": points.generate_xor_easy()}
test_data = {"linear": points.generate_linear(samples), "XOR": data["XOR"]}

figure, panels = plots.panels(columns=2, size=(4.0, 4.3))
for panel, (name, (x, y)) in zip(panels[0], data.items(), strict=True):
    plots.scatter(x, y, panel, title=f"{name}: {len(x)} points")
figure

# %% [markdown]
# ## The mathematics
#
# Samples stand in rows, $n$ of them. A layer with weights $W$ and biases $b$ computes
#
# $$z = x W + b, \qquad y = \sigma(z) = \frac{1}{1 + e^{-z}}$$
#
# and its output is the input of the next layer. The loss compares the last output with the targets $t$:
#
# $$L = \frac{1}{n} \sum_{i=1}^{n} (y_i - t_i)^2, \qquad \frac{\partial L}{\partial y} = \frac{2}{n} (y - t)$$
#
# The chain rule carries this gradient back, from the last layer to the first. The derivative of a sigmoid is
# $y (1 - y)$, so each layer turns the gradient $dy$ of its output into the gradients of its weights and of its input:
#
# $$dz = dy \odot y \odot (1 - y)$$
#
# $$dW = x^\top dz, \qquad db = \sum_i dz_i, \qquad dx = dz\, W^\top$$
#
# The $dx$ of a layer is the $dy$ of the layer before it. Gradient descent then makes a small step downhill,
# $W \leftarrow W - \eta\, dW$ with the learning rate $\eta$. The picture shows the activation of the hidden layers and
# its derivative, the factor that the gradient meets in every layer.

# %%
plots.activation(activation)

# %% [markdown]
# ## The network
#
# All weights and biases begin as random numbers from the normal distribution N(0, 1). The same seed gives both networks
# the same start.

# %%
LOSSES = {"mse": "mean_squared_error", "half-mse": "half_mean_squared_error"}


def build():
    """A network from points of the plane to one probability, ready to train."""
    fastnn.utils.set_random_seed(seed)
    normal = fastnn.initializers.RandomNormal(stddev=1.0)
    start = {"use_bias": bias, "kernel_initializer": normal, "bias_initializer": normal}
    model = fastnn.Sequential([fastnn.Input((2,))])
    for units in hidden:
        model.add(layers.Dense(units, activation=activation, **start))
    model.add(layers.Dense(1, activation="sigmoid", **start))
    rules = {
        "sgd": fastnn.optimizers.SGD(learning_rate),
        "momentum": fastnn.optimizers.SGD(learning_rate, momentum=0.9),
        "adagrad": fastnn.optimizers.Adagrad(learning_rate),
        "adam": fastnn.optimizers.Adam(learning_rate),
    }
    model.compile(rules[optimizer], LOSSES[loss], metrics=["accuracy"])
    return model


networks = {name: build() for name in data}
networks["XOR"]

# %% [markdown]
# ## One step by hand
#
# Before the network is trained, one step in the open: forward, loss, backward. Then a test that every implementation of
# backpropagation should pass: move one weight a little in both directions and see whether the loss changes as the
# gradient says,
#
# $$\frac{\partial L}{\partial w} \approx \frac{L(w + \varepsilon) - L(w - \varepsilon)}{2 \varepsilon}$$

# %%
model, (x, t) = build(), data["XOR"]
measure = fastnn.losses.get(LOSSES[loss])


def loss_now():
    """The loss of the model with the weights that it has now."""
    return measure.forward(t, model.forward(x, training=True))


before = loss_now()
model.backward(measure.backward())
last = model.layers[-1]
by_backpropagation = float(last.kernel.gradient[0, 0])

epsilon, losses = 1e-2, []
weights = last.get_weights()
for step in (epsilon, -epsilon):
    moved = weights[0].copy()
    moved[0, 0] += step
    last.set_weights([moved, *weights[1:]])
    losses.append(loss_now())
by_differences = (losses[0] - losses[1]) / (2 * epsilon)

print(f"loss before the first step       {before:.5f}")
print(f"gradient by backpropagation     {by_backpropagation:+.6f}")
print(f"gradient by finite differences  {by_differences:+.6f}")

# %% [markdown]
# ## Training
#
# The two networks train until the loss is below the threshold, or until the epochs are used up. `batch_size=len(x)`
# makes an epoch one step on all points: full-batch gradient descent.

# %%
for name, (x, y) in data.items():
    stop = [LossThreshold(loss_threshold)] if loss_threshold > 0 else []
    networks[name].fit(
        x, y, batch_size=len(x), epochs=epochs, shuffle=False, verbose=0, callbacks=[TerminateOnNaN(), *stop]
    )
histories = {name: model.history for name, model in networks.items()}
plots.compare(histories, "loss", title="loss on the training points")

# %% [markdown]
# The network for XOR at the start, with random weights, and after training. Lines are weights, circles are units in the
# colour of their bias (a network with more than 16 units in a layer is drawn as blocks).

# %%
figure, panels = plots.panels(columns=2, size=(5.0, 4.0))
for panel, name, model in zip(panels[0], ("at the start", "trained"), (build(), networks["XOR"]), strict=True):
    plots.network(model, axes=panel, title=f"XOR, {name}")
figure

# %% [markdown]
# ## Results

# %%
scores = {}
for name, model in networks.items():
    score = scores[name] = model.evaluate(*test_data[name], verbose=0, return_dict=True)
    count, last_loss = len(histories[name].epoch), histories[name].history["loss"][-1]
    print(
        f"{name:<6}  {count:6,} epochs   training loss {last_loss:.5f}   test loss {score['loss']:.5f}   "
        f"test accuracy {score['accuracy']:.2%}"
    )

# %% [markdown]
# The truth beside the predictions, which are class 1 above 0.5; a ring marks a point that is wrong.

# %%
figure, panels = plots.panels(rows=2, columns=2, size=(4.5, 4.3))
for row, (name, (x, y)) in zip(panels, test_data.items(), strict=True):
    plots.predictions(x, y, networks[name].predict(x), row, title=name)
figure

# %% [markdown]
# What the networks say about every point of the square, with the points that they were trained on. The black line is
# where the output is 0.5.

# %%
figure, panels = plots.panels(columns=2)
for panel, (name, (x, y)) in zip(panels[0], data.items(), strict=True):
    plots.decision_surface(networks[name], x, y, panel, title=name)
figure

# %% [markdown]
# ## Discussion

# %%
counts = {name: len(history.epoch) for name, history in histories.items()}
stopped = {name: history.history["loss"][-1] < loss_threshold for name, history in histories.items()}
how = {
    name: f"the loss is below {loss_threshold:g} after {counts[name]:,} epochs"
    if stopped[name]
    else f"the loss is {histories[name].history['loss'][-1]:.4f} after {counts[name]:,} epochs"
    for name in counts
}
# The best that one number for all points could do: their mean.
constant = float(data["XOR"][1].var()) * (0.5 if loss == "half-mse" else 1)
plateau = sum(value > 0.9 * constant for value in histories["XOR"].history["loss"])
if plateau == counts["XOR"]:
    long = f"in {plateau:,} epochs the network has not become better than that by a tenth"
elif plateau > counts["XOR"] / 10:
    long = (
        f"the network spends {plateau:,} epochs within a tenth of that or above: a plateau, where the gradients of the "
        "two classes nearly cancel"
    )
else:
    long = f"the network is better than that by a tenth after {plateau:,} of its epochs, so there is no plateau here"
Markdown(
    f"- Linear data: {how['linear']}, and {scores['linear']['accuracy']:.1%} of the new points are classified as they "
    f"should be. The true boundary is the diagonal; a point is the harder the nearer it lies to it.\n"
    f"- XOR: {how['XOR']}, and {scores['XOR']['accuracy']:.1%} of its points are right. A single straight line gets at "
    f"most 16 of the 21 right, so whatever is above 76.2 % is the work of the hidden layers.\n"
    f"- Answering the same for all points of XOR gives a loss of {constant:.4f}, and {long}. The derivative of a "
    f"sigmoid is at most 1/4, a factor that the gradient meets in each layer of sigmoids on its way back.\n"
    f"- The accuracy says less than the loss here: it changes only when a point crosses 0.5."
)

# %% [markdown]
# ## Exercises
#
# 1. Set `bias = False`. Which of the two problems suffers, and why?
# 2. Set `activation` to `"tanh"` and to `"relu"` and explain the difference with the picture of the derivatives. Start
#    with other values of `seed`, too: does ReLU always arrive?
# 3. Replace `sgd` by `adam` with `learning_rate = 0.01`. How many epochs does XOR need now?
# 4. Give XOR one hidden layer, `hidden = [2]`. Draw the two lines that its units make.
# 5. Write the network in NumPy: `forward`, `backward`, `update`. `fastnn/labs/from_scratch.py` is one solution.
