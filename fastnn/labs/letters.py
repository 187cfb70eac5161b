"""Full-batch gradient descent: one wide hidden layer, momentum, letters A to J.

    v = 0.9 v + 0.1 g,  w = w - v        the same as v = 0.9 v - 0.1 g,  w = w + v in fastnn and Keras

All 10,000 training images form one batch, so an epoch is a single step along the exact gradient. The training loss and
accuracy of an epoch are computed before its step, its validation loss and accuracy after it.
"""

import math
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

import fastnn
from fastnn import checks, datasets, initializers, layers, plots
from fastnn.callbacks import TerminateOnNaN
from fastnn.model_selection import train_test_split

from . import notebooks, options
from .results import Results, untrained_loss

LETTERS = "ABCDEFGHIJ"
TRAINING, VALIDATION = 10_000, 6_000  # images; the rest is for the test


def run(
    data: Annotated[
        Path | None, typer.Option(help="notMNIST.npz, with images and labels.", show_default="rendered letters")
    ] = None,
    hidden: options.Hidden = "1000",
    optimizer: options.Optimizer = "momentum",
    learning_rate: Annotated[
        float | None, typer.Option(help="Learning rate.", show_default="by optimizer; momentum: 0.1")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Letters per step; by default all.")] = TRAINING,
    epochs: options.Epochs = 200,
    seed: options.Seed = 1,
    threads: options.Threads = None,
    out: options.Out = Path("runs/letters"),
    overwrite: options.Overwrite = False,
    notebook: options.Notebook = False,
) -> None:
    """Recognise the letters A to J by full-batch gradient descent."""
    settings = dict(locals())
    units = options.units(hidden)
    rate = settings["learning_rate"] = options.learning_rate(optimizer, learning_rate)
    checks.integer(batch_size, "--batch-size")
    checks.integer(epochs, "--epochs")
    to_hand_in = notebooks.prepared(run, settings, hidden=units)
    options.use(seed, threads)
    images, labels = datasets.letters.load_data(data)
    if len(images) <= TRAINING + VALIDATION:
        raise ValueError(f"expected more than {TRAINING + VALIDATION:,} letters, received {len(images):,} in {data}")
    x, rest, y, rest_labels = train_test_split(images, labels, train_size=TRAINING, random_state=seed)
    x_val, x_test, y_val, y_test = train_test_split(rest, rest_labels, train_size=VALIDATION, random_state=seed)
    with Results(out, overwrite) as results:
        some = plots.images(x[:100], labels=[LETTERS[label] for label in y[:100]], columns=20)
        results.figure(some, "letters", "some of the letters")

        sizes = [x[0].size, *units, 10]
        model = network(x.shape[1:], sizes)
        model.compile(options.OPTIMIZERS[optimizer](rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        print(f"{'-'.join(map(str, sizes))}, {model.count_params():,} parameters, {fastnn.get_num_threads()} threads")
        print(f"{len(x):,} letters to train with, {len(x_val):,} to validate, {len(x_test):,} to test", flush=True)

        with results.until_ctrl_c(model, epochs):
            untrained = untrained_loss(model, x, y)
            began = results.seconds
            model.fit(
                x, y, batch_size=batch_size, epochs=epochs, shuffle=batch_size < len(x), validation_data=(x_val, y_val),
                callbacks=[TerminateOnNaN()],
            )  # fmt: skip
        seconds = results.seconds - began
        assert model.history is not None
        print(f"{len(model.history.epoch)} epochs in {seconds:.1f} s")

        parts = {"train": (x, y), "validation": (x_val, y_val), "test": (x_test, y_test)}
        scores = {name: model.evaluate(*part, verbose=0, return_dict=True) for name, part in parts.items()}
        for name, score in scores.items():
            print(f"[ {name.capitalize()} ] loss = {score['loss']:.5f}, acc = {score['accuracy']:.5f}")
        results.must_have_learned(untrained, model.history, scores["test"]["loss"])
        results.history(model.history)
        results.metrics(settings, parameters=model.count_params(), training_seconds=seconds, **scores)
        results.model(model)
        curves = plots.learning_curves(model.history, title="-".join(map(str, sizes)))
        results.figure(curves, "curves", "learning curves")
        matrix = plots.confusion_matrix(y_test, model.predict(x_test), labels=list(LETTERS))
        results.figure(matrix, "confusion", "confusion matrix")
        results.notebook(to_hand_in)


def network(shape: tuple[int, ...], sizes: list[int]) -> fastnn.Sequential:
    """Dense layers of these sizes with Xavier initialization, ReLU between them and softmax at the end."""
    model = fastnn.Sequential([fastnn.Input(shape), layers.Flatten(), layers.Rescaling(1 / 255)])
    for i, (inputs, outputs) in enumerate(pairwise(sizes), 1):
        activation = "softmax" if i == len(sizes) - 1 else "relu"
        xavier = initializers.RandomNormal(stddev=math.sqrt(2 / (inputs + outputs)))
        model.add(layers.Dense(outputs, activation=activation, kernel_initializer=xavier))
    return model
