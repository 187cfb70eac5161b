# %% [markdown]
# # A layer of your own, and its gradient check
#
# A layer is two functions: `forward` computes outputs from inputs, `backward` passes gradients back. Both can be
# written in NumPy, and whether `backward` is right can be checked without knowing the right answer.
#
# **The task.**
#
# 1. Derive `backward` of a layer that fastnn does not have, and write both functions.
# 2. Check the gradients by central differences, and see what the check says about four typical mistakes.
# 3. Find out which of these mistakes show in the training.
# 4. Train with the layer, look at what it learned, save it and load it.

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
# ## The layer: Gaussian units
#
# A dense unit answers to a direction: its output grows on one side of a line. A *Gaussian unit* (also: radial basis
# function) answers to a place. Unit $j$ has a centre $c_j$ and a sharpness $b_j \ge 0$, and for sample $x_i$ it gives
#
# $$ y_{ij} = e^{-b_j d_{ij}}, \qquad d_{ij} = \lVert x_i - c_j \rVert^2 . $$
#
# The output is 1 at the centre and falls to 0 around it.
#
# **Backward.** The layer after this one gives us $dy$, the gradient of the loss with respect to $y$. We need the
# gradients with respect to the weights $c$, $b$, and to the inputs $x$. All three go through $b_j d_{ij}$, so let
#
# $$ g_{ij} = dy_{ij}\, y_{ij} , \qquad \frac{\partial y_{ij}}{\partial (b_j d_{ij})} = -y_{ij} . $$
#
# With $\partial d_{ij} / \partial x_i = 2 (x_i - c_j) = -\,\partial d_{ij} / \partial c_j$ the chain rule gives
#
# $$
# \begin{aligned}
# db_j &= -\sum_i g_{ij}\, d_{ij} \\
# dc_j &= 2 b_j \sum_i g_{ij} (x_i - c_j) \\
# dx_i &= -2 \sum_j g_{ij}\, b_j (x_i - c_j)
# \end{aligned}
# $$
#
# Weights are shared by all samples, so their gradients are sums over the samples $i$. The input $x_i$ is shared by
# all units, so its gradient is a sum over the units $j$.


# %% [markdown]
# ## The code
#
# Four methods, in the order in which they are called. `build` makes the weights when the number of inputs is known;
# `compute_output_shape` says how wide the output is; `forward` keeps what `backward` needs. `backward` writes the
# gradients of the weights into `gradient` and returns $dx$.
#
# The differences $x_i - c_j$ are an array `(samples, units, inputs)`. `np.einsum` writes a sum over indices as the
# formula does: `"bu,bui->ui"` is $\sum_b g_{bu}\,\mathit{apart}_{bui}$.


# %%
class Gaussian(layers.Layer):
    """y_ij = exp(-b_j |x_i - c_j|^2), for `units` centres c_j and sharpnesses b_j."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = units  # kept under the argument's name, so that the layer can be saved

    def build(self, input_shape):
        normal = fastnn.initializers.RandomNormal(stddev=1.0)
        self.centre = self.add_weight((self.units, input_shape[-1]), normal, name="centre")
        self.sharpness = self.add_weight((self.units,), "ones", name="sharpness", constraint="non_neg")

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def forward(self, x, training=False):
        self.apart = x[:, None, :] - self.centre.value  # (samples, units, inputs)
        self.distance = (self.apart**2).sum(axis=-1)  # (samples, units)
        self.y = np.exp(-self.sharpness.value * self.distance)
        return self.y

    def backward(self, dy):
        g = dy * self.y
        b = self.sharpness.value
        self.sharpness.gradient[:] = -(g * self.distance).sum(axis=0)
        self.centre.gradient[:] = 2 * b[:, None] * np.einsum("bu,bui->ui", g, self.apart)
        return -2 * np.einsum("bu,bui->bi", g * b, self.apart)


# %% [markdown]
# First by hand: one unit at the origin with sharpness 1, and three points at the distances 0, 1 and 2. The outputs
# must be $e^0 = 1$, $e^{-1} = 0.368$ and $e^{-4} = 0.018$.

# %%
unit = Gaussian(1)
unit.build((None, 2))
unit.set_weights([[[0.0, 0.0]], [1.0]])
unit(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])).round(3)

# %% [markdown]
# ## The check
#
# Is `backward` right? The *central difference* approaches the derivative of a function $f$,
#
# $$ \frac{f(w + h) - f(w - h)}{2h} = f'(w) + O(h^2) , $$
#
# with an error of about $h^2 f'''(w) / 6$. It needs only `forward`, so it cannot repeat a mistake of `backward`.
#
# A layer's output is an array, and the check needs a single number. Take $f = \sum_{ij} r_{ij}\, y_{ij}$ with random
# $r$: its gradient with respect to $y$ is $r$, so we pass $dy = r$ to `backward`. (With all $r = 1$ the check would
# be weaker: mistakes that mix up outputs could cancel in the sum.)


# %%
def central_difference(f, array, h):
    """The gradient of the number f() with respect to the array that f reads, entry by entry."""
    gradient = np.empty_like(array)
    for i in np.ndindex(array.shape):
        kept = array[i]
        array[i] = kept + h
        above = f()
        array[i] = kept - h
        below = f()
        array[i] = kept
        gradient[i] = (above - below) / (2 * h)
    return gradient


def gradients(layer, x, h=1e-5):
    """{name: (by backward, by central differences)} for the inputs and for each weight of a layer."""
    x = x.astype(layer.dtype)
    r = np.random.default_rng(0).normal(size=layer(x).shape).astype(layer.dtype)

    def f():
        return (r * layer.forward(x)).sum()

    layer.forward(x)
    dx = layer.backward(r)
    by_backward = {weight.name: weight.gradient.copy() for weight in layer.parameters}
    by_differences = {weight.name: central_difference(f, weight.value, h) for weight in layer.parameters}
    by_backward["x"], by_differences["x"] = dx, central_difference(f, x, h)
    return {name: (by_backward[name], by_differences[name]) for name in by_backward}


def relative_error(ours, expected):
    """The largest difference, divided by the largest entry."""
    return abs(ours - expected).max() / max(abs(ours).max(), abs(expected).max())


# %% [markdown]
# We check in float64, because the difference of two nearly equal numbers loses digits. The numbers of samples (5),
# units (3) and inputs (2) differ, so that a sum over the wrong axis does not fit.

# %%
fastnn.utils.set_random_seed(1)
x = np.random.default_rng(1).normal(size=(5, 2))
for name, pair in gradients(Gaussian(3, dtype="float64"), x).items():
    print(f"d {name:10} relative error {relative_error(*pair):.0e}")
    assert relative_error(*pair) < 1e-7

# %% [markdown]
# All three agree to about ten digits: `backward` is right. A usual limit is $10^{-7}$ in float64.
#
# Why $h = 10^{-5}$? A large $h$ has the error of the formula, which falls with $h^2$. A small one has rounding
# errors, which grow with $1/h$, because we divide by $h$. In between is a best $h$.

# %%
steps = np.logspace(-12, 0, 49)
figure, axes = plots.panels(size=(6, 3.6))
panel = axes[0, 0]
for dtype, look in (("float32", "--"), ("float64", "-")):
    fastnn.utils.set_random_seed(1)
    layer = Gaussian(3, dtype=dtype)
    errors = [relative_error(*gradients(layer, x, h)["centre"]) for h in steps]
    best = steps[np.argmin(errors)]
    panel.loglog(steps, errors, look, label=dtype)
    print(f"{dtype}: smallest error {min(errors):.0e}, with h = {best:.0e}")
panel.set(xlabel="h", ylabel="relative error", title="gradient check: error over step", ylim=(1e-12, 3))
panel.legend()
figure

# %% [markdown]
# In float32 the best error is a million times as large. An error of that size may be rounding or a small mistake: one
# cannot tell. So check in float64; the formulas are the same.
#
# ## What a wrong backward looks like
#
# Four mistakes that everybody makes once. Each class changes one line of the right `backward`.


# %%
class NoTwo(Gaussian):
    """dc without its factor 2."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.centre.gradient[:] /= 2
        return dx


class WrongSign(Gaussian):
    """db without its minus."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.sharpness.gradient[:] *= -1
        return dx


class MeanOfSamples(Gaussian):
    """db as the mean over the samples instead of the sum."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.sharpness.gradient[:] /= len(dy)
        return dx


class NoChain(Gaussian):
    """dx without the factor y, the derivative of the exponential."""

    def backward(self, dy):
        super().backward(dy)
        return -2 * np.einsum("bu,bui->bi", dy * self.sharpness.value, self.apart)


print(f"{'':15}" + "".join(f"{'d ' + name:>22}" for name in ("centre", "sharpness", "x")))
for kind in (Gaussian, NoTwo, WrongSign, MeanOfSamples, NoChain):
    fastnn.utils.set_random_seed(1)
    cells = []
    for ours, expected in gradients(kind(3, dtype="float64"), x).values():
        ratio = ours / expected
        constant = f"ratio {ratio.mean():.2f}" if np.ptp(ratio) < 1e-6 else "ratio varies"
        error = relative_error(ours, expected)
        cells.append(f"{error:.0e}" if error < 1e-7 else f"{error:.2f}, {constant}")
    print(f"{kind.__name__:15}" + "".join(f"{cell:>22}" for cell in cells))

# %% [markdown]
# Each mistake shows, in the gradient where it is and nowhere else. Divide ours by the expected one, entry by entry: a
# constant ratio names the mistake.
#
# | ratio | probably |
# |---|---|
# | 0.5 or 2 | a factor 2, from a square |
# | −1 | a sign |
# | 1 / samples, here 0.2 | a mean in the place of a sum |
# | varies | a factor is missing that differs from entry to entry, such as $y$ |
#
# ## Training hides mistakes
#
# The data: class 1 is three islands. The network: twelve Gaussian units, which start at training points, then a dense
# unit with a sigmoid. We train it with the right layer and with each wrong one, from the same weights.

# %%
random = np.random.default_rng(3)
islands = np.array([[-1.5, -1.0], [1.5, -0.5], [0.0, 1.5]])
points = random.uniform(-3, 3, (1000, 2))
labels = (((points[:, None] - islands) ** 2).sum(axis=-1).min(axis=1) < 1).astype(int)
x_train, y_train, x_test, y_test = points[:500], labels[:500], points[500:], labels[500:]


def train(layer):
    fastnn.utils.set_random_seed(4)
    model = fastnn.Sequential([fastnn.Input((2,)), layer, layers.Dense(1, activation="sigmoid")])
    if isinstance(layer, Gaussian):
        layer.centre.value[:] = x_train[: layer.units]
    model.compile(fastnn.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, batch_size=50, epochs=60, verbose=0)
    return model


models = {kind.__name__: train(kind(12)) for kind in (Gaussian, NoTwo, WrongSign, MeanOfSamples, NoChain)}
for name, model in models.items():
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"{name:15} test loss {loss:.3f}, accuracy {accuracy:.1%}")
plots.compare({name: model.history for name, model in models.items()}, log=True)

# %% [markdown]
# Three of the four mistakes cannot be seen: the curves lie on each other. Adam divides each gradient by its own size,
# which cancels a constant factor, and nobody reads the $dx$ of the first layer. Only the wrong sign does harm, and
# even there the loss falls at first, because the other weights make up for some of it. With another optimizer, or
# with a layer below, the same mistakes would cost accuracy, and nothing would tell you why. Check every `backward`
# that you write.
#
# ## What the layer learned
#
# Beside it a network of the same size, with twelve dense units and tanh in the place of the Gaussian ones.

# %%
gaussian, dense = models["Gaussian"], train(layers.Dense(12, activation="tanh"))
for name, model in (("Gaussian", gaussian), ("Dense", dense)):
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"{name:9} {model.count_params()} parameters, test accuracy {accuracy:.1%}")

# %%
centre, sharpness = gaussian.layers[0].get_weights()
out = gaussian.layers[1].kernel.value[:, 0]
figure, axes = plots.panels(columns=2, size=(4.6, 4.4))
plots.decision_surface(dense, x_test, y_test, axes=axes[0, 0], title="12 dense units, tanh")
plots.decision_surface(gaussian, x_test, y_test, axes=axes[0, 1], title="12 Gaussian units")
box = {"facecolor": "white", "pad": 1.5}
for place, weight in zip(centre, out, strict=True):
    axes[0, 1].annotate(f"{weight:+.0f}", place, ha="center", va="center", fontsize=8, bbox=box)
figure

# %% [markdown]
# The boxes stand at the centres and show the weight of each unit in the output. Units with a positive weight have
# moved onto the islands, those with a negative weight lie in the sea between and around them. One can read the
# network: "class 1 is near here, and not near there". The dense network has to draw its islands with straight cuts.
#
# ## Save and load
#
# The file holds the name of the class and `units`. The code of the class is not in it, and no code is ever run from a
# file, so `load_model` needs the class.

# %%
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "islands.safetensors"
    gaussian.save(path)
    loaded = fastnn.saving.load_model(path, custom_objects={"Gaussian": Gaussian})
np.array_equal(loaded.predict(x_test), gaussian.predict(x_test))

# %% [markdown]
# ## Discussion
#
# - A gradient check costs a few lines and a second, and it finds what training hides. It says even which gradient is
#   wrong, and often what is wrong with it.
# - It needs float64, a random $r$, and a step near the best one.
# - A layer written in NumPy works in `fit`, but runs one array operation after another; a model of fastnn's own
#   layers is compiled as a whole.
# - The right layer for a problem can do with few weights what another one needs many for. Islands are easy for
#   Gaussian units. A problem in which classes lie on two sides of a line is easy for dense units.
#
# ## Exercises
#
# **1. Another layer.** Write `Swish`: $y = x\, s$ with $s = 1 / (1 + e^{-\beta x})$ and one trainable $\beta$ per
# input. Check it. *Hint:* $\partial s / \partial x = \beta\, s (1 - s)$ and $\partial s / \partial \beta = x\, s (1 -
# s)$. It needs no `compute_output_shape`, because the shape stays. All errors should be below $10^{-9}$.
#
# **2. A mistake that hurts.** In `train` put `layers.Dense(2, kernel_initializer=np.eye(2))` before `layer`, which
# changes nothing at first, and train with `Gaussian` and with `NoChain`. *Hint:* now somebody reads $dx$. Print the
# weights of the dense layer after training.
#
# **3. A kink.** Look at `gradients(layers.ReLU(dtype="float64"), np.zeros((1, 1)))`. Who is right? *Hint:* the
# central difference sees both sides of the kink, half of the slope on the right. At a kink the check reports errors
# where there are none, so keep the inputs away from it.
