"""The reader of notMNIST.npz, on good files and on damaged, foreign and malicious ones."""

import io
import os
import pickle
import re
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn.datasets import letters

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 28, 28)).astype(np.uint8)
LABELS = np.array([3, 0, 9, 1])


def npz(save=np.savez, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def archive(compression=zipfile.ZIP_STORED, **members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as packed:
        for name, raw in members.items():
            packed.writestr(f"{name}.npy", raw)
    return file.getvalue()


def header(shape, descr="|u1"):
    """An npy file that has no data."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """One file that hypothesis may overwrite at every example."""
    return tmp_path_factory.mktemp("npz") / "scratch.npz"


def write(path, raw):
    path.write_bytes(raw)
    return path


def assert_refused(path, expected):
    """Reading must raise a one-line ValueError that names the file and says `expected` (a regular expression)."""
    with pytest.raises(ValueError, match=expected) as caught:
        letters.load_data(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 400


def assert_read(path, images=IMAGES, labels=LABELS):
    x, y = letters.load_data(path)
    np.testing.assert_array_equal(x, images.astype(np.uint8), strict=True)
    np.testing.assert_array_equal(y, labels.astype(np.uint8), strict=True)
    for array in (x, y):
        assert array.flags.c_contiguous
        assert array.flags.writeable


# Good files


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("names", [("images", "labels"), ("Images", "Labels"), ("images", "Labels")])
def test_both_spellings_plain_and_compressed(tmp_path, save, names):
    raw = npz(save, **dict(zip(names, (IMAGES, LABELS), strict=True)), extra=np.arange(3))
    assert_read(str(write(tmp_path / "notMNIST.npz", raw)))
    assert_read(write(tmp_path / "name without ending", raw))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.int64, np.float32, np.float64, ">f4", ">i4"])
def test_pixels_from_0_to_255_of_any_type(tmp_path, dtype):
    assert_read(write(tmp_path / "n.npz", npz(images=IMAGES.astype(dtype), labels=LABELS)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_up_to_1_are_scaled(tmp_path, dtype):
    assert_read(write(tmp_path / "n.npz", npz(images=(IMAGES / 255).astype(dtype), labels=LABELS)))


def test_floats_are_rounded(tmp_path):
    images = np.zeros((1, 28, 28))
    images[0, 0, :4] = [254.6, 0.4, 0.6, 255]
    x, _ = letters.load_data(write(tmp_path / "n.npz", npz(images=images, labels=LABELS[:1])))
    assert x[0, 0, :4].tolist() == [255, 0, 1, 255]


def test_integers_of_0_and_1_are_not_scaled(tmp_path):
    ones = np.ones((4, 28, 28), np.int64)
    assert_read(write(tmp_path / "n.npz", npz(images=ones, labels=LABELS)), images=ones)


def test_fortran_order_and_other_types_of_labels(tmp_path):
    for dtype in (np.uint8, np.int32, ">i8"):
        raw = npz(images=np.asfortranarray(IMAGES), labels=LABELS.astype(dtype))
        assert_read(write(tmp_path / "n.npz", raw))


# Files that hold something else


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "expected an npz file, a zip archive of arrays, received none"),
        (b"5,0,0,0,12\n", r"expected an npz file, .*, received one that begins with b'5,0,0,'"),
        (npy(IMAGES), r"expected an npz file, .*, received a single array \(npy\)"),
        (npz(), "expected an array 'images' or 'Images', received no arrays"),
        (npz(x=IMAGES, y=LABELS), "expected an array 'images' or 'Images', received 'x', 'y'$"),
        (npz(images=IMAGES), "expected an array 'labels' or 'Labels', received 'images'$"),
        (npz(labels=LABELS), "expected an array 'images' or 'Images', received 'labels'$"),
        (archive(**{f"a{i}": b"" for i in range(20)}), r"received 'a0', .*'a9', \.\.\.$"),
        (npz(images=IMAGES[0], labels=LABELS), r"images must have shape \(n, 28, 28\) .*, received \(28, 28\)$"),
        (npz(images=IMAGES.reshape(4, 784), labels=LABELS), r"images must have shape .*, received \(4, 784\)$"),
        (npz(images=IMAGES.transpose(1, 2, 0), labels=LABELS), r"images must have .*, received \(28, 28, 4\)$"),
        (npz(images=IMAGES[:0], labels=LABELS[:0]), r"with n of at least 1, received \(0, 28, 28\)$"),
        (npz(images=IMAGES > 9, labels=LABELS), "images must be integers or floats, received type bool$"),
        (npz(images=IMAGES.astype(str), labels=LABELS), "images must be integers or floats, received type <U3$"),
        (npz(images=IMAGES.astype(complex), labels=LABELS), "images to hold numbers, received type complex128$"),
        (npz(images=IMAGES / 127.5 - 1, labels=LABELS), r"images must be in \[0, 255\] .*, received -1 to 1$"),
        (npz(images=IMAGES * 257.0, labels=LABELS), r"images must be in \[0, 255\] .*, received 0 to 65535$"),
        (npz(images=np.where(IMAGES > 254, np.nan, 0), labels=LABELS), r"images must be finite, received nan at index"),
        (npz(images=np.where(IMAGES > 254, np.inf, 0), labels=LABELS), r"images must be finite, received inf at index"),
        (npz(images=IMAGES, labels=LABELS[:3]), r"labels must have shape \(4,\), one for each image, received \(3,\)$"),
        (npz(images=IMAGES, labels=np.eye(10)[LABELS]), r"labels must have shape \(4,\), .*, received \(4, 10\)$"),
        (npz(images=IMAGES, labels=LABELS + 1), r"labels must be integers in \[0, 10\), received 10 at index 2$"),
        (npz(images=IMAGES, labels=LABELS - 1), r"labels must be integers in \[0, 10\), received -1 at index 1$"),
        (npz(images=IMAGES, labels=LABELS / 1), "labels must be integers, received type float64$"),
        (npz(images=IMAGES, labels=np.array(list("DAJB"))), "labels must be integers, received type <U1$"),
        (npz(images=IMAGES, labels=np.zeros(4, "i4,i4")), "labels to hold numbers, received type "),
    ],
)
def test_a_file_with_something_else_is_refused(tmp_path, raw, expected):
    assert_refused(write(tmp_path / "n.npz", raw), expected)


def test_messages_stay_short_whatever_a_file_says(tmp_path):
    fields = [(f"a field with the number {i}", "u1") for i in range(100)]
    wide = np.zeros(3, fields)
    assert_refused(
        write(tmp_path / "n.npz", archive(**{f"{i} {'long' * 30}": b"" for i in range(9)})), "long.* \\.\\.\\.$"
    )
    assert_refused(write(tmp_path / "n.npz", npz(images=wide, labels=LABELS)), "expected .*images.* \\.\\.\\.$")
    assert_refused(write(tmp_path / "n.npz", archive(images=header((1,) * 2000), labels=npy(LABELS))), "\\.\\.\\.$")


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"^{re.escape(str(tmp_path / 'none'))}: expected an npz file, there"):
        letters.load_data(tmp_path / "none")
    assert_refused(tmp_path, "expected an npz file, received something that is not a regular file")


# Malicious files


class Bomb:
    """Unpickling makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickled_objects_are_refused_and_never_run(tmp_path):
    mark = tmp_path / "executed"
    bomb = np.array([Bomb(mark)] * 4, dtype=object)
    expected = "to hold numbers, received Python objects, which are never unpickled$"
    assert_refused(write(tmp_path / "labels.npz", npz(images=IMAGES, labels=bomb)), "expected labels " + expected)
    assert_refused(write(tmp_path / "images.npz", npz(images=bomb, labels=LABELS)), "expected images " + expected)
    assert_refused(write(tmp_path / "pickle.npz", pickle.dumps(Bomb(mark))), "expected an npz file")
    assert_refused(write(tmp_path / "npy.npz", npy(bomb)), "expected an npz file")
    member = archive(images=pickle.dumps(Bomb(mark)), labels=npy(LABELS))
    assert_refused(write(tmp_path / "member.npz", member), "received a damaged one: .*magic string")
    assert not mark.exists()


def test_the_bomb_of_these_tests_would_go_off(tmp_path):
    """Otherwise the test above would show nothing."""
    mark = tmp_path / "executed"
    path = write(tmp_path / "n.npz", npz(labels=np.array([Bomb(mark)], dtype=object)))
    with np.load(path, allow_pickle=True) as file:
        assert not mark.exists()
        assert len(file["labels"]) == 1
    assert mark.exists()


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    ("shape", "data"), [((10**9, 28, 28), 0), ((10**5, 28, 28), 3136), ((2**62, 2**62, 28), 0), ((4, 28, 28), 3135)]
)
def test_a_header_that_promises_more_than_there_is_takes_no_memory(tmp_path, compression, shape, data):
    raw = archive(compression, images=header(shape) + bytes(data), labels=npy(LABELS))
    path = write(tmp_path / "n.npz", raw)
    tracemalloc.start()
    try:
        assert_refused(path, rf"expected images of shape .* to take \d+ bytes, .*, received {data} in a file of \d+$")
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


def test_an_index_that_promises_more_than_there_is_takes_no_memory(tmp_path):
    """Header and index agree on two gigabytes, the file has a hundred bytes of them."""
    size = 2_000_000_000 // 784 * 784
    images = header((size // 784, 28, 28))
    raw = bytearray(archive(zipfile.ZIP_DEFLATED, images=images, labels=npy(LABELS)))
    sizes = len(images).to_bytes(4, "little")
    index = raw.rindex(b"PK\x01\x02", 0, raw.rindex(b"PK\x01\x02"))  # of images, the first of the two
    assert raw[index + 24 : index + 28] == sizes
    raw[index + 24 : index + 28] = (len(images) + size).to_bytes(4, "little")
    path = write(tmp_path / "n.npz", raw)
    tracemalloc.start()
    try:
        assert_refused(path, rf"expected images .* to take {size} bytes, .*, received {size} in a file of {len(raw)}$")
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("image_file", "expected"),
    [
        (b"", "expected a whole npz file, received a damaged one: "),
        (header((-1, 28, 28)), "images to have sizes of at least 0"),
        (header((4, 28, 28), "|O"), "received Python objects"),
        (npy(IMAGES)[:6] + b"\x03" + npy(IMAGES)[7:], r"expected images in npy format 1.0 or 2.0, received 3.0"),
        (npy(IMAGES)[:6] + b"\x09" + npy(IMAGES)[7:], "received 9.0"),
        (npy(IMAGES)[:40], "expected a whole npz file, received a damaged one: "),
        (npy(IMAGES).replace(b"'shape'", b"'shame'"), "received a damaged one: "),
        (npy(IMAGES).replace(b"(4, 28, 28)", b"(4, 28, 2x)"), "received a damaged one: "),
        (npy(IMAGES).replace(b"(4, 28, 28)", b"(4, 28, 28("), "received a damaged one: "),
        (npy(IMAGES) + b"\0", "to take 3136 bytes, .*, received 3137"),
    ],
)
def test_arrays_with_damaged_headers_are_refused(tmp_path, image_file, expected):
    assert_refused(write(tmp_path / "n.npz", archive(images=image_file, labels=npy(LABELS))), expected)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_that_numpy_does_not_write_is_refused(tmp_path, compression):
    raw = archive(compression, images=npy(IMAGES), labels=npy(LABELS))
    assert_refused(write(tmp_path / "n.npz", raw), "expected images plain or deflated, received compression method")


# Damaged files


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_truncated_file_is_refused(tmp_path, save):
    raw = npz(save, images=IMAGES[:1], labels=LABELS[:1])
    for length in [*range(0, len(raw), 5), len(raw) - 1]:
        assert_refused(write(tmp_path / "cut.npz", raw[:length]), "expected .*received")


def test_an_index_that_points_before_the_file_is_refused(tmp_path):
    raw = bytearray(npz(images=IMAGES, labels=LABELS))
    raw[raw.rindex(b"PK\x05\x06") + 18] = 1  # 65536 bytes seem to be missing in front
    assert_refused(write(tmp_path / "n.npz", raw), "expected a whole npz file, received")


def test_a_changed_pixel_is_noticed(tmp_path):
    raw = bytearray(npz(images=IMAGES, labels=LABELS))
    at = raw.index(IMAGES.tobytes()[:100]) + 50
    raw[at] ^= 1
    assert_refused(write(tmp_path / "n.npz", raw), "expected a whole npz file, received a damaged one: Bad CRC-32")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@given(data=st.data())
def test_a_corrupt_file_is_refused_or_still_whole(scratch, save, data):
    """Some bytes of a zip archive mean nothing (times), so a change there may leave the data whole."""
    raw = bytearray(npz(save, images=IMAGES[:1], labels=LABELS[:1]))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    write(scratch, raw)
    try:
        letters.load_data(scratch)
    except ValueError:
        assert_refused(scratch, "expected .*received|must be .*received")
    else:
        assert_read(scratch, IMAGES[:1], LABELS[:1])


@given(raw=st.binary(max_size=300))
def test_random_bytes_behind_a_zip_start_are_refused(scratch, raw):
    assert_refused(write(scratch, b"PK\x03\x04" + raw), "expected a whole npz file")
