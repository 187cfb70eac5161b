"""Loads the images of a lab (the shipped MNIST, a folder, or a CSV file) and draws some of them."""

from pathlib import Path

import numpy as np

from fastnn import plots
from fastnn.datasets import csv_images, mnist
from fastnn.datasets.mnist import Pair
from fastnn.model_selection import train_test_split

from .results import Results

SHOWN, COLUMNS = 60, 15


def load(data: Path | None, test_data: Path | None = None, seed: int = 0) -> tuple[Pair, Pair]:
    """(x, y), (x_test, y_test) for the options --data and --test-data.

    Raises:
        OSError, ValueError: if a file is missing or damaged, or training and test images differ in shape.
    """
    if data is not None and not data.exists():
        raise FileNotFoundError(
            f"--data must be a folder with MNIST's files, or a CSV file; there is no file or folder {data}"
        )
    if data is None or data.is_dir():
        if test_data is not None:
            raise ValueError("--test-data goes with a CSV file in --data")
        return mnist.load_data(data)
    x, y = csv_images.read_csv(data)
    if test_data is None:
        if len(x) < 2:
            raise ValueError(f"{data}: expected at least 2 images, one to test with, received 1; pass --test-data")
        x, x_test, y, y_test = train_test_split(x, y, test_size=0.1, random_state=seed)
        print(f"{data}: {len(x):,} images to train with, {len(x_test):,} held out to test with")
        return (x, y), (x_test, y_test)
    x_test, y_test = csv_images.read_csv(test_data)
    if x.shape[1:] != x_test.shape[1:]:
        raise ValueError(
            f"expected images of one shape, received {x.shape[1:]} in {data} and {x_test.shape[1:]} in {test_data}"
        )
    return (x, y), (x_test, y_test)


def show(results: Results, x: np.ndarray, y: np.ndarray) -> None:
    """Draw the first images with their labels, unless they are rows of pixels without a known height and width."""
    if x.ndim == 3:
        figure = plots.images(x[:SHOWN], labels=y[:SHOWN], columns=COLUMNS)
        results.figure(figure, "data", "some of the data")
