"""The full-batch course assignment: one wide hidden layer, gradient descent with momentum, letters A to J.

    v = 0.9 v + 0.1 g,  w = w - v        the same as fastnn's (Keras's) v = 0.9 v - 0.1 g,  w = w + v

All 10,000 training images are one batch, so an epoch is a single step along the exact gradient.
"""

import math
from pathlib import Path
from typing import Annotated

import typer

import fastnn
from fastnn import checks, datasets, initializers, layers, optimizers, plots
from fastnn.model_selection import train_test_split

from . import options
from .results import Results

TRAINING, VALIDATION = 10_000, 6_000  # images; the rest is for the test


def run(
    data: Annotated[
        Path | None, typer.Option(help="notMNIST.npz, with images and labels.", show_default="rendered letters")
    ] = None,
    hidden: options.Hidden = "1000",
    learning_rate: Annotated[float, typer.Option(help="The 0.1 in v = 0.9 v + 0.1 g.")] = 0.1,
    momentum: Annotated[float, typer.Option(help="The 0.9 in v = 0.9 v + 0.1 g.")] = 0.9,
    epochs: Annotated[int, typer.Option(help="Steps on all training images.")] = 200,
    seed: options.Seed = 1,
    threads: options.Threads = None,
    out: options.Out = Path("runs/letters"),
    overwrite: options.Overwrite = False,
) -> None:
    """Recognise the letters A to J: full-batch gradient descent with momentum, as in a well-known course."""
    settings = dict(locals())
    units = options.units(hidden)
    checks.number(learning_rate, "--learning-rate", 0)
    checks.number(momentum, "--momentum", 0, 1)
    checks.positive_integer(epochs, "--epochs")
    options.use(seed, threads)
    images, labels = datasets.letters.load_data(data)
    if len(images) <= TRAINING + VALIDATION:
        raise ValueError(f"expected more than {TRAINING + VALIDATION:,} letters, received {len(images):,} in {data}")
    x, rest, y, rest_labels = train_test_split(images, labels, train_size=TRAINING, random_state=seed)
    x_val, x_test, y_val, y_test = train_test_split(rest, rest_labels, train_size=VALIDATION, random_state=seed)
    results = Results(out, overwrite)

    model = fastnn.Sequential([fastnn.Input(x.shape[1:]), layers.Flatten(), layers.Rescaling(1 / 255)])
    sizes = [x[0].size, *units, 10]
    for i, n in enumerate(sizes[1:]):
        xavier = initializers.RandomNormal(stddev=math.sqrt(2 / (sizes[i] + n)))
        activation = "softmax" if i == len(units) else "relu"
        model.add(layers.Dense(n, activation=activation, kernel_initializer=xavier))
    model.compile(
        optimizers.SGD(learning_rate, momentum=momentum), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    print(f"{'-'.join(map(str, sizes))}, {model.count_params():,} parameters, {fastnn.get_num_threads()} threads")
    print(f"{len(x):,} letters to train with, {len(x_val):,} to validate, {len(x_test):,} to test", flush=True)

    began = results.seconds
    with results.until_ctrl_c(model, epochs):
        model.fit(
            x, y, batch_size=len(x), epochs=epochs, shuffle=False, validation_data=(x_val, y_val),
            callbacks=[fastnn.callbacks.TerminateOnNaN()],
        )  # fmt: skip
    seconds = results.seconds - began
    assert model.history is not None
    print(f"{len(model.history.epoch)} epochs in {seconds:.1f} s")

    parts = {"train": (x, y), "validation": (x_val, y_val), "test": (x_test, y_test)}
    scores = {name: model.evaluate(*part, verbose=0, return_dict=True) for name, part in parts.items()}
    for name, score in scores.items():
        print(f"[ {name.capitalize()} ] loss = {score['loss']:.5f}, acc = {score['accuracy']:.5f}")
    results.figure(plots.learning_curves(model.history), "curves", "learning curves")
    names = list("ABCDEFGHIJ")
    predictions = model.predict(x_test)
    results.figure(plots.images(x[:100], columns=20), "letters", "some of the letters")
    results.figure(plots.confusion_matrix(y_test, predictions, labels=names), "confusion", "confusion matrix")
    results.history(model.history)
    results.model(model)
    results.metrics(settings, parameters=model.count_params(), training_seconds=seconds, **scores)
    results.finish(scores["test"]["loss"])
