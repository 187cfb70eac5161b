"""The shipped MNIST, and the idx reader on good and on damaged files."""

import gzip
import hashlib
import math
import re
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn.datasets import idx, mnist, packed

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
LABELS = np.array([7, 2, 1], dtype=np.uint8)


def idx_bytes(array, magic=None, sizes=None):
    magic = {1: 2049, 3: 2051}[array.ndim] if magic is None else magic
    sizes = array.shape if sizes is None else sizes
    return struct.pack(f">{1 + len(sizes)}I", magic, *sizes) + array.tobytes()


def plain(raw):
    return raw


def gzipped(raw):
    return gzip.compress(raw, mtime=0)


both = pytest.mark.parametrize("pack", [plain, gzipped])


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """One file that hypothesis may overwrite at every example."""
    return tmp_path_factory.mktemp("idx") / "scratch-ubyte"


def write(path, raw):
    path.write_bytes(raw)
    return path


def assert_refused(read, path, expected):
    """Reading must raise a ValueError that names the file and says `expected` (a regular expression)."""
    with pytest.raises(ValueError, match=expected) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")


# The real files


@pytest.fixture(scope="module")
def data():
    return mnist.load_data()


def test_mnist_has_the_shapes_and_types_of_keras(data):
    (x, y), (x_test, y_test) = data
    assert [a.shape for a in (x, y, x_test, y_test)] == [(60000, 28, 28), (60000,), (10000, 28, 28), (10000,)]
    for array in (x, y, x_test, y_test):
        assert array.dtype == np.uint8
        assert array.flags.c_contiguous
        assert array.flags.writeable


def test_mnist_labels_are_the_known_ones(data):
    (_, y), (_, y_test) = data
    assert y[:5].tolist() == [5, 0, 4, 1, 9]
    assert y_test[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(y).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_mnist_pixels_are_the_published_ones(data):
    (x, y), (x_test, y_test) = data
    assert x.sum(dtype=np.int64) == 1567298545
    assert x_test.sum(dtype=np.int64) == 264923200
    assert (x.min(), x.max()) == (0, 255)
    # MD5 of the unpacked files, as many projects that use MNIST record them.
    published = {
        "6bbc9ace898e44ae57da46a324031adb": x,
        "a25bea736e30d166cdddb491f175f624": y,
        "2646ac647ad5339dbf082846283269ea": x_test,
        "27ae3e4e09519cfbb04c329615203637": y_test,
    }
    for md5, array in published.items():
        assert hashlib.md5(idx_bytes(array), usedforsecurity=False).hexdigest() == md5


def test_mnist_note_gives_the_size_and_hash_of_every_file():
    folder = Path(mnist.__file__).parent / "mnist_data"
    note = (folder / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(.+?)` \| (\d+) \| (\d+) \| `([0-9a-f]{64})` \|$", note, re.MULTILINE)
    assert sorted(row[0] for row in rows) == sorted(path.name for path in folder.glob("*.gz"))
    assert len(rows) == 4
    for name, size, unpacked, sha256 in rows:
        raw = (folder / name).read_bytes()
        assert (len(raw), len(gzip.decompress(raw))) == (int(size), int(unpacked))
        assert hashlib.sha256(raw).hexdigest() == sha256
    for word in ("Yann LeCun", "Corinna Cortes", "Christopher J.C. Burges", "CC BY-SA 3.0"):
        assert word in note


@both
def test_reading_takes_the_memory_of_the_data_once(tmp_path, pack):
    array = np.zeros((5000, 28, 28), np.uint8)
    path = write(tmp_path / "images", pack(idx_bytes(array)))
    tracemalloc.start()
    try:
        idx.read_images(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert array.nbytes <= peak < 1.1 * array.nbytes


# Good files


@both
@pytest.mark.parametrize("name", ["file", "file.gz"])
def test_content_decides_whether_a_file_is_compressed(tmp_path, pack, name):
    path = write(tmp_path / name, pack(idx_bytes(IMAGES)))
    for read in (idx.read_idx, idx.read_images):
        array = read(path)
        np.testing.assert_array_equal(array, IMAGES, strict=True)
        assert array.flags.writeable
        assert array.flags.c_contiguous
        assert array.flags.owndata or array.base.flags.owndata
    path = write(tmp_path / name, pack(idx_bytes(LABELS)))
    for read in (idx.read_idx, idx.read_labels):
        np.testing.assert_array_equal(read(str(path)), LABELS, strict=True)


@both
@given(shape=st.tuples(*3 * [st.integers(1, 60)]), seed=st.integers(0, 2**32 - 1))
def test_any_images_survive_a_round_trip(scratch, pack, shape, seed):
    images = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(idx.read_idx(write(scratch, pack(idx_bytes(images)))), images, strict=True)


def test_data_may_end_on_a_piece_of_the_reader(tmp_path):
    for size in (idx._PIECE - 1, idx._PIECE, idx._PIECE + 1, 2 * idx._PIECE):
        labels = np.arange(size).astype(np.uint8)
        for pack in (plain, gzipped):
            np.testing.assert_array_equal(idx.read_labels(write(tmp_path / "l", pack(idx_bytes(labels)))), labels)


# Damaged files


@both
@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", r"expected 4 more bytes of idx header, received 0: the file is truncated"),
        (idx_bytes(IMAGES)[:3], r"expected 4 more bytes of idx header, received 3: the file is truncated"),
        (idx_bytes(IMAGES)[:15], r"expected 12 more bytes of idx header, received 11: the file is truncated"),
        (idx_bytes(IMAGES)[:-1], r"expected 3 x 4 x 5 = 60 bytes of images, as the header says, received"),
        (idx_bytes(IMAGES)[:16], r"expected 3 x 4 x 5 = 60 bytes of images, as the header says, received"),
        (idx_bytes(LABELS)[:-1], r"expected 3 = 3 bytes of labels, as the header says, received"),
        (idx_bytes(IMAGES) + b"\0", r"60 bytes of images, as the header says, received more"),
        (idx_bytes(IMAGES, sizes=(2, 4, 5)), r"2 x 4 x 5 = 40 bytes of images, as the header says, received more"),
        (idx_bytes(IMAGES, magic=2050), r"magic number 2051 \(images\) or 2049 \(labels\), received 2050"),
        (idx_bytes(IMAGES, magic=0x03080000), r"magic number 2051 .*, received 50855936"),
        (b"PK\x03\x04 a zip archive", r"magic number 2051 .*, received 1347093252"),
        (idx_bytes(IMAGES, sizes=(3, 0, 5)), r"sizes of at least 1 in the header, received \(3, 0, 5\)"),
        (idx_bytes(LABELS, sizes=(0,)), r"sizes of at least 1 in the header, received \(0,\)"),
        (idx_bytes(IMAGES, sizes=3 * (2**32 - 1,)), r"received a file of \d+ bytes, too small to hold them"),
        (idx_bytes(LABELS, sizes=(2**32 - 1,)), r"4294967295 bytes of labels, as the header says, received"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, pack, raw, expected):
    assert_refused(idx.read_idx, write(tmp_path / "damaged", pack(raw)), expected)


@both
def test_a_truncated_file_tells_how_much_came(tmp_path, pack):
    raw = idx_bytes(np.zeros((100, 28, 28), np.uint8))[:-1]
    path = write(tmp_path / "cut", pack(raw))
    assert_refused(idx.read_images, path, "= 78400 bytes .*, received 78399: the file is truncated")


@both
def test_labels_are_no_images(tmp_path, pack):
    images = write(tmp_path / "images", pack(idx_bytes(IMAGES)))
    labels = write(tmp_path / "labels", pack(idx_bytes(LABELS)))
    assert_refused(idx.read_images, labels, r"magic number 2051 \(images\), received 2049 \(labels\)")
    assert_refused(idx.read_labels, images, r"magic number 2049 \(labels\), received 2051 \(images\)")


@both
def test_implausible_sizes_are_refused_before_memory_is_taken(tmp_path, pack):
    path = write(tmp_path / "huge", pack(idx_bytes(IMAGES, sizes=(60000, 28, 28))))
    tracemalloc.start()
    try:
        assert_refused(idx.read_idx, path, r"received a file of \d+ bytes, too small to hold them")
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


def test_the_compression_bound_is_the_most_that_deflate_reaches():
    """A file of zeros, the best case for deflate, must pass the check of sizes against the file's length."""
    raw = np.zeros(10**7, np.uint8).tobytes()
    assert math.ceil(len(raw) / packed.DEFLATE_RATIO) < len(gzip.compress(raw, 9))


def test_sizes_that_do_not_fit_in_memory_are_refused(tmp_path, monkeypatch):
    path = write(tmp_path / "huge", gzipped(idx_bytes(IMAGES)))

    def no_memory(*_):
        raise MemoryError

    monkeypatch.setattr(idx.np, "empty", no_memory)
    assert_refused(idx.read_idx, path, "received a file that does not fit in memory")


@pytest.mark.parametrize("tail", [b"\x01", b"trailing junk", gzipped(b"\0")])
def test_bytes_after_the_compressed_data_are_refused(tmp_path, tail):
    path = write(tmp_path / "tail", gzipped(idx_bytes(IMAGES)) + tail)
    assert_refused(idx.read_idx, path, "damaged one|received more")


def test_a_wrong_checksum_is_refused(tmp_path):
    raw = bytearray(gzipped(idx_bytes(IMAGES)))
    raw[-8] ^= 1
    assert_refused(idx.read_idx, write(tmp_path / "crc", raw), "whole gzip file, received a damaged one: CRC")


@both
@pytest.mark.parametrize("array", [IMAGES, LABELS], ids=["images", "labels"])
def test_every_truncation_is_refused(tmp_path, pack, array):
    raw = pack(idx_bytes(array))
    for length in range(len(raw)):
        assert_refused(idx.read_idx, write(tmp_path / "cut", raw[:length]), "expected .*received")


@given(where=st.integers(0, 19), flip=st.integers(1, 255))
def test_every_change_of_a_plain_header_is_refused(scratch, where, flip):
    raw = bytearray(idx_bytes(IMAGES))
    raw[where % 16] ^= flip
    assert_refused(idx.read_images, write(scratch, raw), "expected .*received")


@given(data=st.data())
def test_a_corrupt_gzip_file_is_refused_or_still_whole(scratch, data):
    """Some bytes of a gzip header mean nothing (its time stamp), so a change there may leave the data whole."""
    raw = bytearray(gzipped(idx_bytes(IMAGES)))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    write(scratch, raw)
    try:
        array = idx.read_images(scratch)
    except ValueError:
        assert_refused(idx.read_images, scratch, "expected .*received")
    else:
        np.testing.assert_array_equal(array, IMAGES, strict=True)


@both
@given(raw=st.binary(max_size=200))
def test_random_bytes_are_refused(scratch, pack, raw):
    assert_refused(idx.read_idx, write(scratch, pack(raw)), "expected .*received")


@given(tail=st.binary(max_size=100))
def test_random_bytes_behind_a_gzip_start_are_refused(scratch, tail):
    assert_refused(idx.read_idx, write(scratch, b"\x1f\x8b" + tail), "expected .*received")


def test_missing_files_and_folders(tmp_path):
    for read in (idx.read_idx, idx.read_images, idx.read_labels):
        with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "none"))):
            read(tmp_path / "none")
        assert_refused(read, tmp_path, "not a regular file")


# In blocks


@both
@given(shape=st.tuples(*3 * [st.integers(1, 12)]), items=st.integers(1, 15))
def test_blocks_together_are_the_file(scratch, pack, shape, items):
    images = np.random.default_rng(math.prod(shape)).integers(0, 256, shape, dtype=np.uint8)
    with idx.reading_idx(write(scratch, pack(idx_bytes(images))), idx.IMAGES) as file:
        assert file.shape == shape
        blocks = list(file.blocks(items))
    assert [len(block) for block in blocks[:-1]] == [items] * (len(blocks) - 1)
    assert 1 <= len(blocks[-1]) <= items
    np.testing.assert_array_equal(np.concatenate(blocks), images, strict=True)


@both
def test_blocks_take_the_memory_of_one(tmp_path, pack):
    path = write(tmp_path / "images", pack(idx_bytes(np.zeros((5000, 28, 28), np.uint8))))
    tracemalloc.start()
    try:
        with idx.reading_idx(path, idx.IMAGES) as file:
            assert sum(len(block) for block in file.blocks(100)) == 5000
        assert tracemalloc.get_traced_memory()[1] < 0.6e6  # 3.9 MB of images
    finally:
        tracemalloc.stop()


@both
@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (idx_bytes(IMAGES)[:-1], "expected 3 x 4 x 5 = 60 bytes .*, received 59: the file is truncated"),
        (idx_bytes(IMAGES) + b"0", "expected 3 x 4 x 5 = 60 bytes .*, received more: bytes follow the data"),
    ],
)
def test_a_wrong_end_is_found_after_the_blocks_before_it(tmp_path, pack, raw, expected):
    path = write(tmp_path / "images", pack(raw))
    blocks = []

    def read(path):
        with idx.reading_idx(path, idx.IMAGES) as file:
            blocks.extend(file.blocks(2))

    assert_refused(read, path, expected)
    np.testing.assert_array_equal(blocks[0], IMAGES[:2])


def test_a_wrong_checksum_is_found_after_the_last_block(tmp_path):
    raw = bytearray(gzipped(idx_bytes(IMAGES)))
    raw[-8] ^= 1
    path = write(tmp_path / "images", raw)

    def read(path):
        with idx.reading_idx(path, idx.IMAGES) as file:
            list(file.blocks(1))

    assert_refused(read, path, "received a damaged one: CRC")


# Writing


def write_idx(path, blocks, shape):
    with idx.writing_idx(path, shape) as write_block:
        for block in blocks:
            write_block(block)
    return path


@pytest.mark.parametrize("array", [IMAGES, LABELS], ids=["images", "labels"])
@pytest.mark.parametrize("items", [1, 2, 3])
def test_written_bytes_are_those_of_the_format(tmp_path, array, items):
    blocks = [array[i : i + items] for i in range(0, len(array), items)]
    assert write_idx(tmp_path / "file", blocks, array.shape).read_bytes() == idx_bytes(array)
    for name in ("file.gz", "file.GZ"):
        compressed = write_idx(tmp_path / name, blocks, array.shape).read_bytes()
        assert gzip.decompress(compressed) == idx_bytes(array)


def test_arrays_of_any_layout_can_be_written(tmp_path):
    turned = np.asfortranarray(IMAGES)[::-1]
    assert write_idx(tmp_path / "file", [turned], IMAGES.shape).read_bytes() == idx_bytes(turned)


def test_the_same_data_give_the_same_compressed_file(tmp_path):
    """Neither name nor time is in it (RFC 1952: no flags, no modification time)."""
    raw = [write_idx(tmp_path / name, [IMAGES], IMAGES.shape).read_bytes() for name in ("a.gz", "another.gz")]
    assert raw[0] == raw[1]
    assert raw[0][3:8] == bytes(5)


def test_blocks_that_are_not_what_was_announced_are_refused(tmp_path):
    for blocks, received in (([IMAGES[:2]], 2), ([IMAGES, IMAGES[:1]], 4)):
        with pytest.raises(ValueError, match=f"file: expected 3 images, received {received}"):
            write_idx(tmp_path / "file", blocks, IMAGES.shape)
    with pytest.raises(ValueError, match=r"expected uint8 blocks \(n, 4, 5\), received uint8 \(3, 5, 4\)"):
        write_idx(tmp_path / "file", [IMAGES.reshape(3, 5, 4)], IMAGES.shape)
    with pytest.raises(ValueError, match=r"expected uint8 blocks \(n\), received int64 \(3,\)"):
        write_idx(tmp_path / "file", [LABELS.astype(np.int64)], LABELS.shape)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("name", ["images", "images.gz"])
def test_a_full_disk_names_the_file(tmp_path, name):
    path = tmp_path / name
    path.symlink_to("/dev/full")
    images = np.random.default_rng(1).integers(0, 256, (1000, 28, 28), dtype=np.uint8)
    with pytest.raises(OSError, match=f"No space left on device: .*{name}'"):
        write_idx(path, [images], images.shape)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no file that cannot be read")
def test_a_broken_disk_names_the_file():
    """At the start of a process's memory there is nothing, so reading there is an error of the system."""
    with pytest.raises(OSError, match="Input/output error: '/proc/self/mem'"):
        idx.read_idx("/proc/self/mem")


# load_data from a folder


def write_folder(folder, suffix="", pack=plain, **changes):
    contents = {
        "train-images": idx_bytes(IMAGES),
        "train-labels": idx_bytes(LABELS),
        "t10k-images": idx_bytes(IMAGES[:2]),
        "t10k-labels": idx_bytes(LABELS[:2]),
    } | {name.replace("_", "-"): raw for name, raw in changes.items()}
    for name, raw in contents.items():
        if raw is not None:
            (folder / f"{name}-idx{3 if 'images' in name else 1}-ubyte{suffix}").write_bytes(pack(raw))
    return folder


@pytest.mark.parametrize(("suffix", "pack"), [("", plain), (".gz", gzipped), (".gz", plain)])
def test_load_data_reads_a_folder(tmp_path, suffix, pack):
    (x, y), (x_test, y_test) = mnist.load_data(write_folder(tmp_path, suffix, pack))
    np.testing.assert_array_equal(x, IMAGES)
    np.testing.assert_array_equal(y, LABELS)
    np.testing.assert_array_equal(x_test, IMAGES[:2])
    np.testing.assert_array_equal(y_test, LABELS[:2])


def test_load_data_knows_the_names_with_a_dot(tmp_path):
    for path in write_folder(tmp_path).iterdir():
        path.rename(tmp_path / path.name.replace("-idx", ".idx"))
    (x, _), _ = mnist.load_data(str(tmp_path))
    np.testing.assert_array_equal(x, IMAGES)


@pytest.mark.parametrize("missing", ["train_images", "train_labels", "t10k_images", "t10k_labels"])
def test_load_data_names_a_missing_file(tmp_path, missing):
    write_folder(tmp_path, **{missing: None})
    with pytest.raises(FileNotFoundError, match=f"{missing.replace('_', '-')}-idx.-ubyte: expected"):
        mnist.load_data(tmp_path)


def test_load_data_wants_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="path must be a folder .*, there is no folder"):
        mnist.load_data(tmp_path / "none")
    with pytest.raises(ValueError, match="path must be a folder .*, received the file"):
        mnist.load_data(write(tmp_path / "mnist.npz", b""))


def test_load_data_wants_as_many_labels_as_images(tmp_path):
    write_folder(tmp_path, t10k_labels=idx_bytes(LABELS))
    with pytest.raises(ValueError, match="received 2 images in .*t10k-images.* and 3 labels in .*t10k-labels"):
        mnist.load_data(tmp_path)


def test_load_data_names_a_mislabelled_file(tmp_path):
    write_folder(tmp_path, train_images=idx_bytes(LABELS))
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte: .* 2051 \(images\), received 2049 \(labels\)"):
        mnist.load_data(tmp_path)


def test_training_and_test_images_of_different_size(tmp_path):
    for part, side in (("train", 8), ("t10k", 7)):
        header = (2051).to_bytes(4, "big") + b"".join(n.to_bytes(4, "big") for n in (3, side, side))
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(header + bytes(3 * side * side))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(
            (2049).to_bytes(4, "big") + (3).to_bytes(4, "big") + bytes(3)
        )
    with pytest.raises(ValueError, match=r"of one size, received \(8, 8\) to train with and \(7, 7\) to test"):
        mnist.load_data(tmp_path)
