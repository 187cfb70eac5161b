"""The MNIST database of handwritten digits (LeCun, Cortes, Burges), shipped with fastnn."""

import os
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .csv_images import read_csv
from .idx import read_images, read_labels

__all__ = ["load_data"]

Pair: TypeAlias = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]

SHIPPED = Path(__file__).parent / "mnist_data"  # its README.md says where the files come from
CSV_NAMES = {"train": "mnist_train.csv", "t10k": "mnist_test.csv"}  # by the parts' names in idx files


def load_data(path: str | os.PathLike[str] | None = None) -> tuple[Pair, Pair]:
    """Load MNIST, or another data set in files of the same names, in the same shapes as in Keras.

    Args:
        path: A folder with the files `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
            `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, or with `mnist_train.csv` and
            `mnist_test.csv`, each plain or with `.gz`. `None` means the MNIST that ships with fastnn.

    Returns:
        `(x, y), (x_test, y_test)`, all uint8, writable and C-contiguous. For MNIST: images
        `(60000, 28, 28)` and `(10000, 28, 28)`, 0 is background and 255 ink; labels `(60000,)` and
        `(10000,)`, 0 to 9.

    Raises:
        FileNotFoundError: The folder or one of its files is missing.
        ValueError: A file is damaged, the numbers of images and labels differ, or the sizes of images do.

    >>> (x, y), (x_test, y_test) = fastnn.datasets.mnist.load_data()
    >>> x.shape, x.dtype, x_test.shape, y[:5].tolist()
    ((60000, 28, 28), dtype('uint8'), (10000, 28, 28), [5, 0, 4, 1, 9])
    """
    folder = SHIPPED if path is None else Path(path)
    if not folder.is_dir():
        if folder.exists():
            raise ValueError(f"path must be a folder with the four MNIST files, received the file {folder}")
        raise FileNotFoundError(f"path must be a folder with the four MNIST files, there is no folder {folder}")
    train, test = _load_part(folder, "train"), _load_part(folder, "t10k")
    if train[0].shape[1:] != test[0].shape[1:]:
        raise ValueError(
            f"{folder}: expected training and test images of one size, received {train[0].shape[1:]} to train "
            f"with and {test[0].shape[1:]} to test with"
        )
    return train, test


def _load_part(folder: Path, part: str) -> Pair:
    table = find_csv(folder, part)
    if table is not None and not any(folder.glob(f"{part}-*")):
        return read_csv(table)
    images_path = find(folder, f"{part}-images-idx3-ubyte")
    labels_path = find(folder, f"{part}-labels-idx1-ubyte")
    images, labels = read_images(images_path), read_labels(labels_path)
    if len(images) != len(labels):
        raise ValueError(
            f"expected as many labels as images, received {len(images)} images in {images_path} "
            f"and {len(labels)} labels in {labels_path}"
        )
    return images, labels


def find_csv(folder: Path, part: str) -> Path | None:
    """The CSV file of a part ("train" or "t10k"), plain or with `.gz`, or None."""
    plain = folder / CSV_NAMES[part]
    packed = plain.with_name(f"{plain.name}.gz")
    return plain if plain.exists() else packed if packed.exists() else None


def find(folder: Path, name: str) -> Path:
    """The idx file with this name, plain or with `.gz`."""
    dotted = name.replace("-idx", ".idx")  # some unpackers change the name to this
    for candidate in (name, f"{name}.gz", dotted, f"{dotted}.gz"):
        if (folder / candidate).exists():
            return folder / candidate
    raise FileNotFoundError(f"{folder / name}: expected this MNIST file, plain or with .gz, found neither")
