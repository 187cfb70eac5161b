"""Conversion between idx and CSV: the published files, round trips, refusals, and what a failure leaves behind."""

import contextlib
import gzip
import hashlib
import io
import os
import re
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn.datasets import conversion, mnist
from fastnn.datasets.conversion import convert
from fastnn.datasets.csv_images import read_csv

from .test_csv import csv_bytes, random_images
from .test_datasets import idx_bytes

IDX = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
CSV = ["mnist_train.csv", "mnist_test.csv"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder to work in, so that files have short names, as on the command line."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def everything(folder="."):
    """All files below a folder with their content, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def unpacked(path):
    raw = Path(path).read_bytes()
    return gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw


def write_pair(n=5, side=4, images="images", labels="labels"):
    """A pair of idx files; their arrays."""
    arrays = random_images(n, side, side)
    for name, array in zip((images, labels), arrays, strict=True):
        raw = idx_bytes(array)
        Path(name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return arrays


def write_csv(name="data.csv", n=5, side=4):
    arrays = random_images(n, side, side)
    raw = csv_bytes(*arrays)
    Path(name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return arrays


@contextlib.contextmanager
def refused(expected, error=ValueError):
    """The block must raise exactly these words and leave all files as they are."""
    before = everything()
    with pytest.raises(error, match=f"^{re.escape(expected)}$"):
        yield
    assert everything() == before


# The real files


def test_mnist_becomes_the_published_csv_files(capsys):
    convert("mnist", "out")
    # Sizes and MD5 of mnist_train.csv and mnist_test.csv, as many projects that use them record them.
    published = {
        "mnist_train.csv": (60000, 109575994, "5b49cf1b57fb9d6102b559d59d99df7c", b"5,0,0,0,"),
        "mnist_test.csv": (10000, 18289443, "c807df8d6d804ab2647fc15c3d40f543", b"7,0,0,0,"),
    }
    files = everything("out")
    assert files.keys() == published.keys()
    for name, (lines, size, md5, start) in published.items():
        raw = files[name]
        assert raw.count(b"\n") == lines
        assert raw.startswith(start)
        assert len(raw) == size
        assert hashlib.md5(raw, usedforsecurity=False).hexdigest() == md5
    assert capsys.readouterr().out.splitlines() == [
        f"{Path('out/mnist_train.csv')}: 60,000 images of 28x28",
        f"{Path('out/mnist_test.csv')}: 10,000 images of 28x28",
    ]

    images, labels = read_csv("out/mnist_test.csv")
    convert("out/mnist_test.csv", "images", "labels.gz")
    _, (x_test, y_test) = mnist.load_data()
    np.testing.assert_array_equal(images, x_test, strict=True)
    np.testing.assert_array_equal(labels, y_test, strict=True)
    assert Path("images").read_bytes() == unpacked(mnist.SHIPPED / "t10k-images-idx3-ubyte.gz")
    assert unpacked("labels.gz") == unpacked(mnist.SHIPPED / "t10k-labels-idx1-ubyte.gz")


# Files


@pytest.mark.parametrize("images", ["images", "images.gz"])
@pytest.mark.parametrize("labels", ["labels", "labels.gz"])
@pytest.mark.parametrize("table", ["data.csv", "data.csv.gz", "DATA.CSV"])
def test_there_and_back(capsys, images, labels, table):
    pair = write_pair(7, 3, images, labels)
    convert(images, labels, table)
    assert unpacked(table) == csv_bytes(*pair)
    convert(table, f"back-{images}", f"back-{labels}")
    for name, array in zip((images, labels), pair, strict=True):
        assert unpacked(f"back-{name}") == idx_bytes(array)
        assert Path(f"back-{name}").read_bytes().startswith(b"\x1f\x8b") == name.endswith(".gz")
    assert capsys.readouterr().out.splitlines() == [
        f"{table}: 7 images of 3x3",
        f"back-{images}: 7 images of 3x3",
        f"back-{labels}: 7 labels",
    ]
    assert len(everything()) == 5


@given(n=st.integers(1, 12), side=st.integers(1, 6), seed=st.integers(0, 2**32 - 1), block=st.integers(1, 100))
def test_any_images_there_and_back(tmp_path_factory, n, side, seed, block):
    folder = tmp_path_factory.getbasetemp()
    pair = random_images(n, side, side, seed=seed)
    names = [folder / "images", folder / "labels"]
    for path, array in zip(names, pair, strict=True):
        path.write_bytes(idx_bytes(array))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversion, "_BLOCK", block)
        convert(*names, folder / "data.csv", overwrite=True, progress=False)
        assert (folder / "data.csv").read_bytes() == csv_bytes(*pair)
        for path in names:
            path.unlink()
        convert(folder / "data.csv", *names, progress=False)
    for path, array in zip(names, pair, strict=True):
        assert path.read_bytes() == idx_bytes(array)


def test_images_that_are_not_square_become_csv_but_not_back(capsys):
    images, labels = random_images(3, 2, 5)
    Path("images").write_bytes(idx_bytes(images))
    Path("labels").write_bytes(idx_bytes(labels))
    convert("images", "labels", "data.csv")
    assert capsys.readouterr().out == "data.csv: 3 images of 2x5\n"
    with refused("data.csv: expected a square number of pixels (784 is 28x28), received 10"):
        convert("data.csv", "images2", "labels2")


def test_nothing_is_printed_without_progress(capsys):
    write_pair()
    convert("images", "labels", "data.csv", progress=False)
    convert("data.csv", "images2", "labels2", progress=False)
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_a_terminal_goes_away_again(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", Terminal())
    write_pair()
    convert("images", "labels", "data.csv")
    shown = sys.stdout.getvalue()
    assert "━" in shown
    assert shown.endswith("\x1b[1A\x1b[2Kdata.csv: 5 images of 4x4\n")  # one line up, which is cleared


def test_the_bar_gets_every_image(monkeypatch):
    totals, moved = [], []

    @contextlib.contextmanager
    def bar(total, wanted):
        totals.append(total)
        yield moved.append

    monkeypatch.setattr(conversion, "_bar", bar)
    monkeypatch.setattr(conversion, "_BLOCK", 40)
    write_pair()
    convert("images", "labels", "data.csv")
    assert (totals, moved) == ([5], [2, 2, 1])


def test_memory_stays_small(folder):
    """Whatever the number of images: 3.9 MB of them here, and 11 MB of text."""
    write_pair(5000, 28)
    tracemalloc.start()
    try:
        convert("images", "labels", "data.csv.gz", progress=False)
        convert("data.csv.gz", "images.gz", "labels.gz", progress=False)
        assert tracemalloc.get_traced_memory()[1] < 3e6
    finally:
        tracemalloc.stop()
    assert unpacked("images.gz") == Path("images").read_bytes()


# Folders


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("target", ["in", "out", "new/out"])
def test_folders_there_and_back(suffix, target):
    Path("in").mkdir()
    Path("out").mkdir()
    pairs = [write_pair(n, 5, *(f"in/{name}{suffix}" for name in names)) for n, names in ((4, IDX[:2]), (3, IDX[2:]))]
    convert("in", target)
    assert [unpacked(f"{target}/{name}") for name in CSV] == [csv_bytes(*pair) for pair in pairs]
    convert(f"{target}/{CSV[0]}", "a", "b")  # one of them, by its name
    assert unpacked("a") == idx_bytes(pairs[0][0])

    Path("tables").mkdir()
    for name in CSV:
        Path(target, name).rename(f"tables/{name}")
    convert("tables", "back")
    assert sorted(everything("back")) == sorted(f"{name}.gz" for name in IDX)
    (x, y), (x_test, y_test) = mnist.load_data("back")
    for loaded, written in zip((x, y, x_test, y_test), (*pairs[0], *pairs[1]), strict=True):
        np.testing.assert_array_equal(loaded, written, strict=True)


def test_compressed_csv_files_in_a_folder():
    write_csv("mnist_train.csv.gz", 4)
    write_csv("mnist_test.csv", 3)
    convert(".", "out")
    assert unpacked(f"out/{IDX[1]}.gz") == idx_bytes(random_images(4, 4, 4)[1])
    write_csv("mnist_train.csv", 5)  # taken first, as with idx files
    convert(".", "out", overwrite=True)
    assert unpacked(f"out/{IDX[1]}.gz") == idx_bytes(random_images(5, 4, 4)[1])


def test_a_folder_called_mnist_comes_first():
    Path("mnist").mkdir()
    for names in (IDX[:2], IDX[2:]):
        write_pair(2, 3, *(f"mnist/{name}" for name in names))
    convert("mnist", "out")
    assert read_csv("out/mnist_train.csv")[0].shape == (2, 3, 3)


def test_folders_that_do_not_fit():
    with refused("none: expected a folder with the files of MNIST, there is no such folder", FileNotFoundError):
        convert("none", "out")
    Path("empty").mkdir()
    with refused(
        "empty: expected the four idx files of MNIST, or mnist_train.csv and mnist_test.csv", FileNotFoundError
    ):
        convert("empty", "out")
    write_pair()
    with refused(f"{conversion._USAGE}; received the file images"):
        convert("images", "out")
    with refused("images: expected a folder to write into, received a file"):
        convert("mnist", "images")
    write_csv("mnist_train.csv")
    with refused("mnist_test.csv: expected a CSV file, there is no such file", FileNotFoundError):
        convert(".", "out")
    write_csv("mnist_test.csv")
    write_pair(5, 4, *IDX[:2])
    with refused(".: expected either idx or CSV files, received both; name the files to convert"):
        convert(".", "out")
    for name in CSV:
        Path(name).unlink()
    with refused(f"{IDX[2]}: expected this MNIST file, plain or with .gz, found neither", FileNotFoundError):
        convert(".", "out")
    assert not Path("out").exists()


# Refused before anything is written


@pytest.mark.parametrize(
    "paths",
    [
        (),
        ("images",),
        ("data.csv",),
        ("data.csv", "images"),
        ("mnist", "data.csv"),
        ("a.csv", "b.csv"),
        ("a", "b", "c"),
        ("a.csv", "b.csv", "c"),
        ("a", "b.csv", "c"),
        ("a", "b", "c.csv", "d"),
    ],
)
def test_other_forms(paths):
    with refused(f"{conversion._USAGE}; received {' '.join(paths) or 'nothing'}"):
        convert(*paths)


def test_labels_before_images():
    write_csv()
    with refused(f"{conversion._USAGE}; received the file for labels first: {IDX[1]}"):
        convert("data.csv", IDX[1], IDX[0])
    write_pair()
    with refused("labels: expected an idx file with magic number 2051 (images), received 2049 (labels)"):
        convert("labels", "images", "out.csv")


@pytest.mark.parametrize("existing", ["images2", "labels2"])
def test_existing_targets(existing):
    pair = write_csv()
    Path(existing).write_bytes(b"old")
    with refused(f"{existing} exists already; choose another name, or pass --overwrite"):
        convert("data.csv", "images2", "labels2")
    convert("data.csv", "images2", "labels2", overwrite=True)
    assert [unpacked("images2"), unpacked("labels2")] == [idx_bytes(array) for array in pair]
    convert("images2", "labels2", "new.csv")
    with refused("new.csv exists already; choose another name, or pass --overwrite"):
        convert("images2", "labels2", "new.csv")


def test_an_existing_target_in_a_folder():
    for names in (IDX[:2], IDX[2:]):
        write_pair(2, 3, *names)
    Path("out").mkdir()
    Path("out/mnist_test.csv").write_bytes(b"old")
    with refused(f"{Path('out/mnist_test.csv')} exists already; choose another name, or pass --overwrite"):
        convert(".", "out")
    convert(".", "out", overwrite=True)
    assert read_csv("out/mnist_test.csv")[0].shape == (2, 3, 3)


@pytest.mark.parametrize("overwrite", [False, True])
def test_targets_that_are_no_files_or_the_sources(overwrite):
    write_csv()
    write_pair()
    Path("folder.csv").mkdir()
    with refused("folder.csv: expected a file to write, received something that is not a regular file"):
        convert("images", "labels", "folder.csv", overwrite=overwrite)
    with refused("/dev/null: expected a file to write, received something that is not a regular file"):
        convert("data.csv", "/dev/null", "labels2", overwrite=overwrite)
    Path("link").symlink_to("nowhere")
    with refused("link: expected a file to write, received something that is not a regular file"):
        convert("data.csv", "images2", "link", overwrite=overwrite)
    Path("same").hardlink_to("data.csv")
    for same in ("same", "../" + Path.cwd().name + "/same"):
        with refused(f"{same}: expected another file to write than to read"):
            convert("data.csv", same, "labels2", overwrite=overwrite)
    with refused("expected two files to write, received images2 twice"):
        convert("data.csv", "images2", "./images2", overwrite=overwrite)


def test_numbers_of_images_and_labels_that_differ():
    write_pair(5, 4)
    write_pair(6, 4, "other-images", "other-labels")
    with refused("expected as many labels as images, received 5 images in images and 6 labels in other-labels"):
        convert("images", "other-labels", "new/data.csv")
    assert not Path("new").exists()


def test_missing_sources():
    write_pair()
    with refused("none: expected an idx file, there is no such file", FileNotFoundError):
        convert("images", "none", "new/data.csv")
    with refused("none.csv: expected a CSV file, there is no such file", FileNotFoundError):
        convert("none.csv", "new/a", "new/b")
    assert not Path("new").exists()


# Failures in the middle

N = 600  # images: several blocks, several pieces


@pytest.fixture
def earlier():
    """Earlier files under the final names, which a failure must leave as they are."""
    for name in ("out.csv", "out.csv.gz", "images2", "labels2", "images2.gz", "labels2.gz"):
        Path(name).write_bytes(b"old")


def test_a_bad_line_far_down(earlier):
    write_csv(n=N, side=28)
    lines = Path("data.csv").read_bytes().split(b"\n")
    lines[N - 10] = lines[N - 10].rpartition(b",")[0] + b",256"
    Path("data.csv").write_bytes(b"\n".join(lines))
    words = f"data.csv, line {N - 9}, column 785: expected a whole number from 0 to 255, received '256'"
    for names in (("images2", "labels2"), ("images2.gz", "labels2.gz")):
        with refused(words):
            convert("data.csv", *names, overwrite=True)
    with refused(words):
        convert("data.csv", "a", "b")


@pytest.mark.parametrize("damaged", ["images", "labels"])
def test_a_truncated_idx_file(earlier, damaged):
    write_pair(N, 28)
    raw = Path(damaged).read_bytes()
    Path(damaged).write_bytes(gzip.compress(raw[:-1]))
    size = len(raw) - (16 if damaged == "images" else 8)
    sizes = f"{N} x 28 x 28" if damaged == "images" else N
    for table in ("out.csv", "out.csv.gz"):
        with refused(
            f"{damaged}: expected {sizes} = {size} bytes of {damaged}, as the header says, "
            f"received {size - 1}: the file is truncated"
        ):
            convert("images", "labels", table, overwrite=True)


def test_a_bad_second_file_of_a_folder_takes_the_first_back(earlier):
    Path("in").mkdir()
    write_csv("in/mnist_train.csv")
    Path("in/mnist_test.csv").write_bytes(b"1,2\n3,x\n")
    Path("out").mkdir()
    with refused(f"{Path('in/mnist_test.csv')}, line 2, column 2: expected a whole number from 0 to 255, received 'x'"):
        convert("in", "out")
    assert everything("out") == {}


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
@pytest.mark.parametrize(
    ("sources", "targets", "full"),
    [
        (("images", "labels"), ("out.csv",), "out.csv"),
        (("images", "labels"), ("out.csv.gz",), "out.csv.gz"),
        (("data.csv",), ("images2", "labels2"), "images2"),
        (("data.csv",), ("images2.gz", "labels2.gz"), "images2.gz"),
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_that_finds_no_more_room(request, sources, targets, full, overwrite):
    """The system itself says so, at a limit on the size of files; a full disk differs in its number only."""
    import resource

    write_pair(N, 28)
    write_csv(n=N, side=28)
    if overwrite:
        request.getfixturevalue("earlier")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with refused(f"[Errno 27] File too large: '{full}'", OSError):
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
        try:
            convert(*sources, *targets, overwrite=overwrite)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("sources", [("images", "labels"), ("data.csv",)], ids=["to csv", "to idx"])
def test_ctrl_c(monkeypatch, request, sources, overwrite):
    write_pair(N, 28)
    write_csv(n=N, side=28)
    if overwrite:
        request.getfixturevalue("earlier")
    seen = []

    @contextlib.contextmanager
    def bar(total, wanted):
        def advance(images):
            seen.append({path for path in os.listdir() if path.startswith(".")})
            if len(seen) == 3:
                raise KeyboardInterrupt

        yield advance

    monkeypatch.setattr(conversion, "_bar", bar)
    targets = ("out.csv",) if len(sources) == 2 else ("images2", "labels2")
    with refused("", KeyboardInterrupt):
        convert(*sources, *targets, overwrite=overwrite)
    assert len(seen) == 3
    assert len(seen[-1]) == len(targets)  # there were unfinished files, under other names


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written():
    write_pair()
    Path("locked").mkdir(mode=0o500)
    with refused(f"[Errno 13] Permission denied: '{Path('locked/data.csv')}'", OSError):
        convert("images", "labels", "locked/data.csv")


def test_a_folder_that_cannot_be_made():
    write_pair()
    with pytest.raises(OSError, match="labels"):
        convert("images", "labels", "labels/data.csv")
    assert sorted(everything()) == ["images", "labels"]
