"""Little data for the notebooks, and notebooks of the tests' own."""

import struct

import pytest

from fastnn import notebooks
from fastnn.datasets import mnist


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """A folder with the first images of MNIST."""
    folder = tmp_path_factory.mktemp("mnist")
    for part, (x, y), n in zip(("train", "t10k"), mnist.load_data(), (600, 100), strict=True):
        pixels, labels = struct.pack(">4I", 2051, n, 28, 28), struct.pack(">2I", 2049, n)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(pixels + x[:n].tobytes())
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(labels + y[:n].tobytes())
    return folder


@pytest.fixture
def of_cells(tmp_path, monkeypatch):
    """Makes notebooks of these code cells in a folder that takes the place of examples/; its last one is returned."""
    folder = tmp_path / "examples"
    folder.mkdir()
    monkeypatch.setattr(notebooks, "FOLDER", folder)

    def make(*cells, name="lab_own"):
        text = "\n".join(f"# %%\n{cell}\n" for cell in cells)
        (folder / f"{name}.py").write_text(f"# %% [markdown]\n# # Title of {name}\n\n{text}")
        return notebooks.Notebook(name)

    return make
