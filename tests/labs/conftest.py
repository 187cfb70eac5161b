"""Pictures as small as can be, but for one test of each lab; and little data."""

import gzip
import struct

import numpy as np
import pytest
from typer.testing import CliRunner

from fastnn import cli
from fastnn.datasets import mnist
from fastnn.labs import results

DPI = results.DPI


@pytest.fixture(autouse=True)
def _small_pictures(monkeypatch):
    monkeypatch.setattr(results, "DPI", 20)


@pytest.fixture
def full_size(monkeypatch):
    """Pictures as users get them."""
    monkeypatch.setattr(results, "DPI", DPI)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder with the first images of MNIST."""
    folder = tmp_path_factory.mktemp("mnist")
    for part, (x, y), n in zip(("train", "t10k"), mnist.load_data(), (600, 100), strict=True):
        for name, header, data in (
            ("images-idx3", struct.pack(">4I", 2051, n, 28, 28), x),
            ("labels-idx1", struct.pack(">2I", 2049, n), y),
        ):
            with gzip.open(folder / f"{part}-{name}-ubyte.gz", "wb", compresslevel=1) as file:
                file.write(header + data[:n].tobytes())
    return folder


@pytest.fixture
def lab(images, tmp_path):
    """Runs `fastnn lab NAME` in this process; what it leaves goes to tmp_path / "out" unless told otherwise."""

    def run(name, *options):
        data = ["--data", str(images)] if name in ("mnist", "wide-deep", "autoencoder", "convnet") else []
        usual = [*data, "--out", str(tmp_path / "out")]
        return CliRunner().invoke(cli.app, ["lab", name, *usual, *map(str, options)])

    return run


@pytest.fixture(scope="module")
def not_mnist(tmp_path_factory):
    """A file like notMNIST.npz, of noise that tells the classes apart, as long as the lab needs it."""
    path = tmp_path_factory.mktemp("letters") / "notMNIST.npz"
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=16_100).astype(np.uint8)
    images = rng.integers(0, 60, size=(16_100, 28, 28), dtype=np.uint8)
    images[np.arange(16_100), 2 * labels + 3] += 150
    np.savez(path, images=images, labels=labels)
    return path
