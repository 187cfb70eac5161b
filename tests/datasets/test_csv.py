"""CSV files of images: against the csv module, and malformed ones one by one."""

import csv
import gzip
import io
import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn.datasets import csv_images
from fastnn.datasets.csv_images import read_csv, reading_csv, writing_csv

BOM = b"\xef\xbb\xbf"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """One file that hypothesis may overwrite at every example."""
    return tmp_path_factory.mktemp("csv") / "scratch.csv"


@pytest.fixture
def file(tmp_path):
    """A function that makes data.csv of some bytes."""

    def made(raw):
        (tmp_path / "data.csv").write_bytes(raw)
        return tmp_path / "data.csv"

    return made


def assert_refused(path, expected):
    """Reading must raise a ValueError of exactly these words behind the path."""
    with pytest.raises(ValueError, match="expected") as caught:
        read_csv(path)
    assert str(caught.value) == f"{path}{expected}"


def random_images(*shape, seed=1):
    """Images as dark as those of MNIST, with their labels."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, shape, dtype=np.uint8) * (rng.random(shape) < 0.2)
    return images, rng.integers(0, 256, shape[0], dtype=np.uint8)


def csv_bytes(images, labels, end="\n"):
    """The file as Python's csv module writes it."""
    text = io.StringIO()
    rows = np.column_stack([labels, images.reshape(len(images), -1)]).tolist()
    csv.writer(text, lineterminator=end).writerows(rows)
    return text.getvalue().encode("ascii")


# Good files


def test_a_file_written_by_hand(file):
    images, labels = read_csv(file(b"7,0,1,2,3\n2,255,254,100,99\n1,9,10,11,12\n"))
    np.testing.assert_array_equal(labels, np.array([7, 2, 1], np.uint8), strict=True)
    expected = np.array([[[0, 1], [2, 3]], [[255, 254], [100, 99]], [[9, 10], [11, 12]]], np.uint8)
    np.testing.assert_array_equal(images, expected, strict=True)
    for array in (images, labels):
        assert array.flags.writeable
        assert array.flags.c_contiguous
        assert array.flags.owndata


@pytest.mark.parametrize(
    ("pixels", "shape"), [(1, (1, 1)), (2, (2,)), (3, (3,)), (4, (2, 2)), (784, (28, 28)), (785, (785,))]
)
def test_square_numbers_of_pixels_are_images(file, pixels, shape):
    images, labels = random_images(3, pixels)
    path = file(csv_bytes(images, labels))
    read_images, read_labels = read_csv(str(path))
    np.testing.assert_array_equal(read_images, images.reshape(3, *shape), strict=True)
    np.testing.assert_array_equal(read_labels, labels, strict=True)


@pytest.mark.parametrize(
    "raw",
    [
        b"1,2,3\n4,5,6",
        b"1,2,3\r\n4,5,6\r\n",
        b"1,2,3\r\n4,5,6",
        b"1,2,3\n4,5,6\n\n\n",
        b"1,2,3\r\n4,5,6\r\n\r\n \t\n",
        b" 1, 2,3 \n4,\t5,6\n",
        b"001,02,3\n4,005,0000000006\n",
        b"1,2," + b"0" * 5000 + b"3\n4,5,6\n",
        BOM + b"1,2,3\n4,5,6\n",
        b"label,pixel0,pixel1\n1,2,3\n4,5,6\n",
        b'"label","pixel0","pixel1"\r\n1,2,3\r\n4,5,6\r\n',
        BOM + b"Label, 1x1, 1x2\n1,2,3\n4,5,6\n",
        b"class,p_1,p_2\n1,2,3\n4,5,6\n",
        b"the letter,first pixel,second pixel\n1,2,3\n4,5,6\n",
        b"y,0,1\r\n1,2,3\r\n4,5,6\r\n",
        b"0,1,2\n1,2,3\n4,5,6\n",
        BOM + b'"0","1","2"\r\n1,2,3\r\n4,5,6\r\n',
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("piece", [1, 2, 7, 1 << 18])
def test_what_other_programs_write(file, monkeypatch, raw, pack, piece):
    monkeypatch.setattr(csv_images, "_PIECE", max(piece, len(BOM)))
    images, labels = read_csv(file(pack(raw)))
    assert images.tolist() == [[2, 3], [5, 6]]
    assert labels.tolist() == [1, 4]


@given(
    shape=st.tuples(st.integers(1, 20), st.integers(1, 12)),
    seed=st.integers(0, 2**32 - 1),
    end=st.sampled_from(["\n", "\r\n"]),
    piece=st.integers(3, 300),
)
def test_any_file_of_the_csv_module(scratch, shape, seed, end, piece):
    images, labels = random_images(*shape, seed=seed)
    scratch.write_bytes(csv_bytes(images, labels, end))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_images, "_PIECE", piece)
        read_images, read_labels = read_csv(scratch)
    np.testing.assert_array_equal(read_images.reshape(shape), images, strict=True)
    np.testing.assert_array_equal(read_labels, labels, strict=True)


@pytest.mark.parametrize("pixels", [4, 64, 784])
def test_the_header_that_pandas_writes_for_columns_without_names_is_no_image(file, pixels):
    """Up to 256 columns all its numbers could be pixels."""
    images, labels = random_images(3, pixels)
    header = ",".join(map(str, range(1 + pixels))).encode() + b"\n"
    read_images, read_labels = read_csv(file(header + csv_bytes(images, labels)))
    np.testing.assert_array_equal(read_images.reshape(3, pixels), images, strict=True)
    np.testing.assert_array_equal(read_labels, labels, strict=True)


@pytest.mark.parametrize("first", [b"1,2,3", b"0,1,3", b"0,0,1", b"00,1,2"])
def test_other_numbers_in_the_first_line_are_an_image(file, first):
    _, labels = read_csv(file(first + b"\n4,5,6\n"))
    assert labels.tolist() == [int(first.split(b",")[0]), 4]


def naive(raw):
    """The rows that a file stands for, or None: each field digits up to 255, each line as long as the first.

    A first line of 0, 1, 2, ... is a header.
    """
    rows, lines = [], raw.decode("latin-1").rstrip(" \t\r\n\v\f").split("\n")
    if [field.strip(" \t\r") for field in lines[0].split(",")] in (["0", "1"], ["0", "1", "2"]):
        del lines[0]
    for line in lines:
        fields = [field.strip(" \t") for field in line.removesuffix("\r").split(",")]
        if not all(re.fullmatch("0*[0-9]{1,3}", field) and int(field) <= 255 for field in fields):
            return None
        rows.append([int(field) for field in fields])
    return rows if rows and len(rows[0]) > 1 and len({len(row) for row in rows}) == 1 else None


FIELDS = st.sampled_from(
    [*"0123456789", "10", "99", "255", "007", " 5", "6 ", "256", "-1", "+1", "1.0", "", "x", '"3"', "١"]
)
GOOD = st.sampled_from([*"0123456789", "10", "99", "255", "007"])


@given(
    rows=st.one_of(
        *(
            st.lists(st.lists(fields, min_size=size, max_size=size), min_size=1, max_size=6)
            for fields in (FIELDS, GOOD)
            for size in (2, 3)
        ),
        st.lists(st.lists(GOOD, max_size=3), min_size=1, max_size=4),
    ),
    end=st.sampled_from(["\n", "\r\n", "\n\n", "\r"]),
    last=st.booleans(),
    piece=st.integers(3, 30),
)
def test_what_is_read_is_what_an_obvious_reader_reads(scratch, rows, end, last, piece):
    raw = (end.join(map(",".join, rows)) + end * last).encode()
    scratch.write_bytes(raw)
    expected = naive(raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_images, "_PIECE", piece)
        try:
            images, labels = read_csv(scratch)
            read, message = np.column_stack([labels, images.reshape(len(labels), -1)]).tolist(), None
        except ValueError as error:
            read, message = None, str(error)
    assert read == expected
    if message:
        assert re.match(rf"{re.escape(str(scratch))}(, line \d+(, column \d+)?)?: expected .*received", message)


def test_reading_takes_the_memory_of_the_data_once(file):
    images, labels = random_images(10000, 28, 28)
    path = file(csv_bytes(images[:1000], labels[:1000]) * 10)
    tracemalloc.start()
    try:
        read_csv(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert images.nbytes <= peak < 1.2 * images.nbytes


def test_blocks_are_small(file):
    images, labels = random_images(1000, 28, 28)
    path = file(csv_bytes(images, labels) * 10)
    tracemalloc.start()
    try:
        with reading_csv(path) as table:
            assert table.shape == (10000, 28, 28)
            assert sum(len(labels) for _, labels in table.blocks()) == 10000
        assert tracemalloc.get_traced_memory()[1] < 2e6  # 7.8 MB of images, 21 MB of text
    finally:
        tracemalloc.stop()


# Damaged files


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("1,2,300,4,5", ", column 3: expected a whole number from 0 to 255, received '300'"),
        ("1,2,256,4,5", ", column 3: expected a whole number from 0 to 255, received '256'"),
        ("-1,2,3,4,5", ", column 1: expected a whole number from 0 to 255, received '-1'"),
        ("1,+2,3,4,5", ", column 2: expected a whole number from 0 to 255, received '+2'"),
        ("1,2,3,4,0.5", ", column 5: expected a whole number from 0 to 255, received '0.5'"),
        ("1,2,3,4,5.0", ", column 5: expected a whole number from 0 to 255, received '5.0'"),
        ("1,2,3,4,1e2", ", column 5: expected a whole number from 0 to 255, received '1e2'"),
        ("1,nan,3,4,5", ", column 2: expected a whole number from 0 to 255, received 'nan'"),
        ("1,,3,4,5", ", column 2: expected a whole number from 0 to 255, received ''"),
        ("1,2,3,4, ", ", column 5: expected a whole number from 0 to 255, received ' '"),
        ('1,"2",3,4,5', """, column 2: expected a whole number from 0 to 255, received '"2"'"""),
        ("1,2#3,3,4,5", ", column 2: expected a whole number from 0 to 255, received '2#3'"),
        ("1,1_0,3,4,5", ", column 2: expected a whole number from 0 to 255, received '1_0'"),
        ("1,٣,3,4,5", ", column 2: expected a whole number from 0 to 255, received '٣'"),
        ("1,2\0,3,4,5", r", column 2: expected a whole number from 0 to 255, received '2\x00'"),
        ("1,2\r3,3,4,5", r", column 2: expected a whole number from 0 to 255, received '2\r3'"),
        (f"1,{'9' * 5000},3,4,5", f", column 2: expected a whole number from 0 to 255, received '{'9' * 20}...'"),
        ("label,1,2,3,4", ", column 1: expected a whole number from 0 to 255, received 'label'"),
        ("1,2,3,4", ": expected 5 values as in the lines before, received 4"),
        ("1,2,3,4,5,6", ": expected 5 values as in the lines before, received 6"),
        ("1,2,3,4,5,", ": expected 5 values as in the lines before, received 6"),
        ("1;2;3;4;5", ": expected 5 values as in the lines before, received 1"),
        ("", ": expected 5 values as in the lines before, received an empty line"),
        (" \t", ": expected 5 values as in the lines before, received an empty line"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("piece", [3, 1 << 18])
def test_a_bad_line_is_named(file, monkeypatch, line, expected, pack, piece):
    monkeypatch.setattr(csv_images, "_PIECE", piece)
    for before in (b"5,0,0,0,0\n8,1,1,1,1\n", BOM + b"label,a,b,c,d\r\n8,1,1,1,1\r\n"):
        for after in (b"\n3,2,2,2,2\n", b"\r\n3,2,2,2,2"):
            raw = before + line.encode() + after
            assert_refused(file(pack(raw)), f", line 3{expected}")


def test_a_bad_value_far_down_is_named(file):
    images, labels = random_images(5000, 28, 28)
    lines = csv_bytes(images, labels).split(b"\n")
    fields = lines[4030].split(b",")
    assert len(fields) == 785
    fields[6] = b"300"
    lines[4030] = b",".join(fields)
    expected = ", column 7: expected a whole number from 0 to 255, received '300'"
    assert_refused(file(b"\n".join(lines)), f", line 4031{expected}")
    assert_refused(file(b"\r\n".join([b"label" + 784 * b",p", *lines])), f", line 4032{expected}")
    lines[4030] = b",".join(fields[:784])
    assert_refused(file(b"\n".join(lines)), ", line 4031: expected 785 values as in the lines before, received 784")


def test_the_first_of_several_bad_lines_is_named(file):
    assert_refused(
        file(b"1,2\n3,400\n5\n6,700\n"), ", line 2, column 2: expected a whole number from 0 to 255, received '400'"
    )


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", ": expected a CSV file with one line per image, received an empty one"),
        (BOM, ": expected a CSV file with one line per image, received an empty one"),
        (b"\n\r\n \n", ": expected a CSV file with one line per image, received an empty one"),
        (b"label,pixel0\n\n", ": expected a CSV file with one line per image, received nothing but a header"),
        (b"0,1,2\n", ": expected a CSV file with one line per image, received nothing but a header"),
        (b"5\n6\n", ", line 1: expected a label and pixels with commas between them, received '5'"),
        (b"5;0;0\n", ", line 1: expected a label and pixels with commas between them, received '5;0;0'"),
        (b"\n5,0,0\n", ", line 1: expected a label and pixels with commas between them, received ''"),
        (
            b"pixel0,pixel1\n1,2\n",
            ", line 1: expected a label before the pixels, received columns named 'pixel0', 'pixel1'",
        ),
        (b"1x1,1x2\n1,2\n", ", line 1: expected a label before the pixels, received columns named '1x1', '1x2'"),
        (b"p1,p2,class\n1,2,3\n", ", line 1: expected the label in the first column, received 'class' in column 3"),
        (b",label,p1\n0,1,2\n", ", line 1: expected the label in the first column, received 'label' in column 2"),
        (b"five,0,255\n1,2,3\n", ", line 1, column 1: expected a whole number from 0 to 255, received 'five'"),
        (
            b"\xff\xfe5\0,\0003\0\n\0",
            r", line 1, column 1: expected a whole number from 0 to 255, received '\\xff\\xfe5\x00'",
        ),
        (
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" * 9,
            r", line 1: expected a label and pixels with commas between them, received '\\x89PNG'",
        ),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_what_is_no_such_file(file, raw, expected, pack):
    assert_refused(file(pack(raw)), expected)


@pytest.mark.parametrize(("junk", "line"), [(b"0", 2), (b"\0", 2), (b"1,", 2), (b"\n", 1)])
def test_a_line_without_end_is_refused_before_it_fills_the_memory(file, monkeypatch, junk, line):
    monkeypatch.setattr(csv_images, "_LONGEST", 1 << 20)
    path = file(gzip.compress(b"1,2\n" + junk * (1 << 25)))  # 32 MiB or more
    tracemalloc.start()
    try:
        assert_refused(path, f", line {line}: expected lines of at most 1,048,576 bytes, received a longer one")
        assert tracemalloc.get_traced_memory()[1] < 6e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("cut", [1, 4, 8, 12])
def test_a_truncated_gzip_file_is_refused(file, cut):
    path = file(gzip.compress(b"1,2,3\n4,5,6\n")[:-cut])
    with pytest.raises(ValueError, match="expected a whole gzip file, received a damaged one") as caught:
        read_csv(path)
    assert str(caught.value).startswith(f"{path}: ")


@given(raw=st.binary(max_size=100).filter(lambda raw: naive(raw) is None))
def test_random_bytes_are_refused(scratch, raw):
    scratch.write_bytes(raw)
    with pytest.raises(ValueError, match=f"^{re.escape(str(scratch))}.*: expected .*received"):
        read_csv(scratch)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(f"{tmp_path / 'none'}: expected a CSV file, there is no")):
        read_csv(tmp_path / "none")
    assert_refused(tmp_path, ": expected a CSV file, received something that is not a regular file")


@pytest.mark.parametrize("now", [b"1,2\n", b"1,2\n3,4\n5,6\n7,8\n", b""])
def test_a_file_that_changes_meanwhile(file, now):
    path = file(b"1,2\n3,4\n5,6\n")
    with reading_csv(path) as table:
        path.write_bytes(now)
        blocks = []
        with pytest.raises(ValueError, match="expected 3 images; the file changed while it was read"):
            blocks.extend(table.blocks())
        assert sum(len(labels) for _, labels in blocks) <= 3  # never more than there is room for


# Writing


@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz"])
@given(shape=st.tuples(st.integers(1, 20), st.integers(1, 5), st.integers(1, 5)), items=st.integers(1, 20))
def test_written_files_are_those_of_the_csv_module(tmp_path_factory, name, shape, items):
    images, labels = random_images(*shape, seed=items)
    path = tmp_path_factory.getbasetemp() / name
    with writing_csv(path) as write:
        for first in range(0, len(images), items):
            write(images[first : first + items], labels[first : first + items])
    raw = path.read_bytes()
    assert (gzip.decompress(raw) if name.endswith(".gz") else raw) == csv_bytes(images, labels)


def test_every_value_is_written(tmp_path):
    every = np.arange(256, dtype=np.uint8)
    with writing_csv(tmp_path / "data.csv") as write:
        write(every[:, None], every)
    assert (tmp_path / "data.csv").read_text() == "".join(f"{value},{value}\n" for value in range(256))
