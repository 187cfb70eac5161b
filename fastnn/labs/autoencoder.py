"""Feature learning: an autoencoder compresses each image to 128 numbers and reconstructs it from them.

The first half of the trained network, the encoder, becomes a separate model; its 128 features are compared with the 784
pixels by training a linear classifier on each with only a few labels.
"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import fastnn
from fastnn import checks, layers, plots
from fastnn.callbacks import History, TerminateOnNaN
from fastnn.models.progress import Progress

from . import notebooks, options
from .images import load, show
from .results import Results, untrained_loss

NOISES = ("none", "gaussian", "masking")
LOSSES = {"bce": "binary_crossentropy", "mse": "mean_squared_error"}
FILTERS = 16  # in the figure


def run(
    data: options.Images = None,
    hidden: Annotated[int, typer.Option(help="Units of the hidden layer: the features.")] = 128,
    loss: Annotated[str, typer.Option(help="bce (binary cross-entropy) or mse (mean squared error).")] = "bce",
    denoise: Annotated[str, typer.Option(help=f"Noise on the input: {', '.join(NOISES)}.")] = "none",
    noise: Annotated[float, typer.Option(help="Its standard deviation, or the fraction of pixels set to 0.")] = 0.5,
    dropout: Annotated[float, typer.Option(help="Fraction of the features dropped during training.")] = 0.0,
    compare: Annotated[
        bool, typer.Option("--compare", help="Train with and without noise and dropout, and compare both.")
    ] = False,
    labels: Annotated[int, typer.Option(help="Number of labels for the linear classifier.")] = 1000,
    optimizer: options.Optimizer = "adam",
    learning_rate: options.LearningRate = None,
    batch_size: options.BatchSize = 128,
    epochs: options.Epochs = 20,
    seed: options.Seed = 1,
    threads: options.Threads = None,
    out: options.Out = Path("runs/autoencoder"),
    overwrite: options.Overwrite = False,
    notebook: options.Notebook = False,
) -> None:
    """Learn features of images without labels."""
    settings = dict(locals())
    rate = settings["learning_rate"] = options.learning_rate(optimizer, learning_rate)
    for value, name in ((hidden, "--hidden"), (labels, "--labels"), (batch_size, "--batch-size"), (epochs, "--epochs")):
        checks.integer(value, name)
    checks.nearest(loss, LOSSES, "--loss")
    checks.nearest(denoise, NOISES, "--denoise")
    checks.number(noise, "--noise", 0, *((1, True) if denoise == "masking" else ()))
    checks.number(dropout, "--dropout", 0, 1, open_high=True)
    to_hand_in = notebooks.prepared(run, settings)
    options.use(seed, threads)
    (x, y), (x_test, y_test) = load(data, seed=seed)
    with Results(out, overwrite) as results:
        show(results, x, y)

        variants: dict[str, dict[str, Any]] = {"autoencoder": {"noise_kind": denoise, "dropout": dropout}}
        if compare:
            variants = {
                "plain": {"noise_kind": "none", "dropout": 0.0},
                "denoising": {"noise_kind": "gaussian" if denoise == "none" else denoise, "dropout": dropout or 0.2},
            }
        targets, targets_test = (pixels.reshape(len(pixels), -1) / np.float32(255) for pixels in (x, x_test))
        models: dict[str, fastnn.Sequential] = {}
        histories: dict[str, History] = {}
        untrained: dict[str, float] = {}
        scores: dict[str, dict[str, float]] = {}
        for name, variant in variants.items():
            options.use(seed)
            model = models[name] = network(x.shape[1:], hidden, amount=noise, **variant)
            model.compile(options.OPTIMIZERS[optimizer](rate), LOSSES[loss], metrics=["mse"])
            sizes = f"{x[0].size}-{hidden}-{x[0].size}"
            print(f"{name}: {sizes}, noise {variant['noise_kind']}, dropout {variant['dropout']:g}", flush=True)
            with results.until_ctrl_c(model, epochs):
                untrained[name] = untrained_loss(model, x, targets)
                model.fit(
                    x, targets, batch_size=batch_size, epochs=epochs, validation_data=(x_test, targets_test), verbose=0,
                    callbacks=[TerminateOnNaN(), Progress(bar=False, validation="Test")],
                )  # fmt: skip
            if model.history is None or not model.history.epoch:  # interrupted in the first epoch
                del models[name]
                break
            histories[name] = model.history
            scores[name] = model.evaluate(x_test, targets_test, verbose=0, return_dict=True)
            print(f"[ {name} ] test loss = {scores[name]['loss']:.5f}, mse = {scores[name]['mse']:.5f}")
            if results.interrupted:
                break

        for name, score in scores.items():
            results.must_have_learned(untrained[name], histories[name], score["loss"], name)
        results.history(histories if compare else histories["autoencoder"])
        results.metrics(settings, variants=variants, networks=scores)
        for name, model in models.items():
            results.model(model, name)
            results.model(encoder(model), f"{name}_encoder" if compare else "encoder")

        y_few = y[:labels]
        print(f"test accuracy of a linear classifier trained on {len(y_few):,} labels:")
        on_pixels = linear_accuracy(targets[:labels], y_few, targets_test, y_test)
        print(f"  {x[0].size} pixels: {on_pixels:.2%}")
        for name, model in models.items():
            few, test = encoder(model).predict(x[:labels]), encoder(model).predict(x_test)
            scores[name]["accuracy on features"] = linear_accuracy(few, y_few, test, y_test)
            print(f"  {hidden} features ({name}): {scores[name]['accuracy on features']:.2%}", flush=True)
        results.metrics(settings, variants=variants, networks=scores, **{"accuracy on pixels": on_pixels})

        if x_test.ndim == 3:
            draw(results, models, x_test[:10])
        results.figure(curves(histories), "curves", "learning curves")
        results.notebook(to_hand_in)


def network(shape: tuple[int, ...], hidden: int, noise_kind: str, amount: float, dropout: float) -> fastnn.Sequential:
    """Pixels, hidden features, pixels. Noise and dropout are active only during training."""
    model = fastnn.Sequential([fastnn.Input(shape), layers.Flatten(), layers.Rescaling(1 / 255)])
    if noise_kind == "gaussian":
        model.add(layers.GaussianNoise(amount, name="noise"))
    elif noise_kind == "masking":
        model.add(layers.Dropout(amount, name="noise"))  # which also scales up the pixels that it keeps
    model.add(layers.Dense(hidden, activation="relu", name="features"))
    if dropout:
        model.add(layers.Dropout(dropout))
    model.add(layers.Dense(int(np.prod(shape)), activation="sigmoid"))
    return model


def first_layers(model: fastnn.Sequential, last: str) -> fastnn.Sequential:
    """The layers up to the one named `last` as a separate model that shares their weights."""
    names = [layer.name for layer in model.layers]
    assert model.input_shape is not None
    shape = tuple(n for n in model.input_shape[1:] if n is not None)
    return fastnn.Sequential([fastnn.Input(shape), *model.layers[: names.index(last) + 1]])


def encoder(model: fastnn.Sequential) -> fastnn.Sequential:
    """The part of the model from pixels to features."""
    return first_layers(model, "features")


def linear_accuracy(x: np.ndarray, y: np.ndarray, x_test: np.ndarray, y_test: np.ndarray) -> float:
    """The test accuracy of a linear classifier (softmax regression) on these features."""
    model = fastnn.Sequential([fastnn.Input(x.shape[1:]), layers.Dense(int(max(y.max(), y_test.max())) + 1, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=100, verbose=0)
    accuracy: float = model.evaluate(x_test, y_test, verbose=0)[1]
    return accuracy


def reconstruct(model: fastnn.Sequential, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """The reconstructions of images, and the noisy images if the model has noise."""
    names = [layer.name for layer in model.layers]
    assert model.input_shape is not None
    if "noise" not in names:
        return model.predict(images), None
    noisy = first_layers(model, "noise").forward(images, training=True)
    rest = fastnn.Sequential([fastnn.Input(noisy.shape[1:]), *model.layers[names.index("noise") + 1 :]])
    noise = model.layers[names.index("noise")]
    kept = (
        1 - noise.rate if isinstance(noise, layers.Dropout) else 1
    )  # dropout scales up what it keeps by 1 / (1 - rate)
    return rest.predict(noisy), noisy * kept


def curves(histories: dict[str, History]) -> Any:
    """The learning curves: of one network all of them, of two their losses side by side on one scale."""
    if len(histories) == 1:
        ((name, history),) = histories.items()
        return plots.learning_curves(history, validation="test", title=name)
    _, panels = plots.panels(columns=len(histories), size=(4.5, 3.4))
    for panel in panels[0, 1:]:
        panel.sharey(panels[0, 0])
    for panel, (name, history) in zip(panels[0], histories.items(), strict=True):
        plots.learning_curves(history, "loss", axes=panel, validation="test", title=name)
    return plots.one_legend(panels)


def draw(results: Results, models: dict[str, fastnn.Sequential], images: np.ndarray) -> None:
    """Reconstructions and filters of each model."""
    figure, panels = plots.panels(rows=len(models), size=(7, 2.3))
    for panel, (name, model) in zip(panels[:, 0], models.items(), strict=True):
        reconstructed, noisy = reconstruct(model, images)
        plots.reconstructions(images / 255, reconstructed, noisy, axes=panel)
        panel.set_title(name)
    results.figure(figure, "reconstructions", "images and reconstructions")

    kernels = {name: encoder(model).layers[-1].weights[0] for name, model in models.items()}
    largest = max(float(np.abs(kernel[:, :FILTERS]).max()) for kernel in kernels.values())
    figure, panels = plots.panels(columns=len(models), size=(4.5, 4))
    for panel, (name, kernel) in zip(panels[0], kernels.items(), strict=True):
        plots.filters(kernel, images.shape[1:], count=FILTERS, limit=largest, axes=panel)
        panel.set_title(f"{name}: first {FILTERS} filters")
    results.figure(figure, "filters", "filters")
