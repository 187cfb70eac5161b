"""Convolution layers: the filters and feature maps of a network for handwritten digits.

`--big` trains a larger network with twice as many convolutions, batch normalization, dropout, and a learning rate that
rises and falls once during training.
"""

import math
from pathlib import Path
from typing import Annotated, Any

import typer

import fastnn
from fastnn import checks, layers, plots
from fastnn.callbacks import TerminateOnNaN
from fastnn.schedules import OneCycle

from . import notebooks, options
from .images import load, show
from .results import Results, untrained_loss

# for the small network and the big one
FILTERS, EPOCHS, RATES = ("8,16", "16,32"), (5, 10), (0.001, 0.005)


def run(
    data: options.Images = None,
    test_data: Annotated[
        Path | None, typer.Option(help="CSV file to test with.", show_default="a tenth of the CSV file in --data")
    ] = None,
    big: Annotated[bool, typer.Option("--big", help="More layers, batch normalization and dropout.")] = False,
    filters: Annotated[
        str | None, typer.Option(help="Filters before each pooling.", show_default="{}; --big: {}".format(*FILTERS))
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Of Adam; with --big the highest rate.", show_default="{}; --big: {}".format(*RATES)),
    ] = None,
    batch_size: options.BatchSize = 128,
    epochs: Annotated[
        int | None,
        typer.Option(help="Passes through the training samples.", show_default="{}; --big: {}".format(*EPOCHS)),
    ] = None,
    validation: Annotated[float, typer.Option(help="Fraction of the images set aside for validation.")] = 0.1,
    seed: options.Seed = 1,
    threads: options.Threads = None,
    out: options.Out = Path("runs/convnet"),
    overwrite: options.Overwrite = False,
    notebook: options.Notebook = False,
) -> None:
    """Train a convolutional network on images, and look inside."""
    settings = dict(locals())
    numbers_of_filters = options.units(settings.setdefault("filters", filters) or FILTERS[big], "--filters")
    rate = checks.number(RATES[big] if learning_rate is None else learning_rate, "--learning-rate", 0)
    epochs = EPOCHS[big] if epochs is None else checks.integer(epochs, "--epochs")
    settings |= {"filters": ",".join(map(str, numbers_of_filters)), "learning_rate": rate, "epochs": epochs}
    checks.integer(batch_size, "--batch-size")
    checks.number(validation, "--validation", 0, 1, open_high=True)
    to_hand_in = notebooks.prepared(run, settings, filters=numbers_of_filters)
    options.use(seed, threads)
    (x, y), (x_test, y_test) = load(data, test_data, seed)
    classes = int(max(y.max(), y_test.max())) + 1
    model = network(x.shape[1:], numbers_of_filters, classes, big)
    steps = math.ceil(len(x) * (1 - validation) / batch_size)
    schedule: Any = OneCycle(rate, epochs * steps) if big else rate
    model.compile(fastnn.optimizers.Adam(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"])
    with Results(out, overwrite) as results:
        show(results, x, y)
        model.summary()
        print(f"adam, learning rate {rate:g}, {fastnn.get_num_threads()} threads", flush=True)

        with results.until_ctrl_c(model, epochs):
            untrained = untrained_loss(model, x, y)
            model.fit(x, y, batch_size, epochs, validation_split=validation, callbacks=[TerminateOnNaN()])
        test = model.evaluate(x_test, y_test, return_dict=True)
        assert model.history is not None
        last = {name: values[-1] for name, values in model.history.history.items()}
        results.must_have_learned(untrained, model.history, test["loss"])
        results.history(model.history)
        results.metrics(settings, parameters=model.count_params(), test=test, last_epoch=last)
        results.model(model)

        curves = plots.learning_curves(model.history, title=model.name.replace("_", " "))
        results.figure(curves, "curves", "learning curves")
        first = next(i for i, layer in enumerate(model.layers) if isinstance(layer, layers.Conv2D))
        results.figure(plots.filters(model.layers[first].weights[0]), "filters", "filters of the first layer")
        # The layers up to the first pooling as a separate model: its output shows what the filters find in one image.
        pooling = next(i for i, layer in enumerate(model.layers) if isinstance(layer, layers.MaxPooling2D))
        eye = fastnn.Sequential(model.layers[:pooling])
        results.figure(plots.images(x_test[:1]), "image", "the image")
        results.figure(plots.feature_maps(eye.predict(x_test[:1])), "feature_maps", "feature maps of the image")
        predictions = model.predict(x_test)
        results.figure(plots.confusion_matrix(y_test, predictions), "confusion", "confusion matrix")
        results.figure(plots.misclassified(x_test, y_test, predictions), "misclassified", "misclassified images")
        results.notebook(to_hand_in)


def network(shape: tuple[int, ...], filters: list[int], classes: int, big: bool = False) -> fastnn.Sequential:
    """A network from images of this shape, with pixels from 0 to 255, to one output per class."""
    model = fastnn.Sequential(name="big_convnet" if big else "convnet")
    model.add(fastnn.Input(shape))
    model.add(layers.Rescaling(1 / 255))
    model.add(layers.Reshape((*shape[:2], -1)))  # adds the channel axis if the images have none
    for n in filters:
        for _ in range(1 + big):
            model.add(layers.Conv2D(n, 3, padding="same", use_bias=not big))
            if big:  # the convolution needs no bias: the normalization has one
                model.add(layers.BatchNormalization())
            model.add(layers.ReLU())
        model.add(layers.MaxPooling2D(2))
        if big:
            model.add(layers.Dropout(0.25))
    model.add(layers.Flatten())
    model.add(layers.Dense(classes, activation="softmax"))
    return model
