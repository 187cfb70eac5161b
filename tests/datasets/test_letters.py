"""The letters that fastnn draws: which fonts, which pictures, the same every time, and kept in a cache."""

import hashlib
import os
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from matplotlib.ft2font import FT2Font

from fastnn.datasets import fonts, letters

from ..subprocesses import run_python

BUNDLED = Path(matplotlib.get_data_path(), "fonts", "ttf")  # the fonts that matplotlib brings
PLAIN = BUNDLED / "DejaVuSans.ttf"


def digest(arrays):
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def bundled_fonts():
    return [path for path in fonts.found_fonts() if path.parent == BUNDLED]


@pytest.fixture(scope="module")
def drawn():
    """Two thousand letters in all fonts of this machine."""
    return letters.render(2000)


# Fonts


def test_symbol_fonts_are_left_out():
    found = bundled_fonts()
    kept = {path.name for path in fonts.distinct_alphabets(found)}
    left_out = {path.name for path in found} - kept
    for pattern in ("cmex10", "STIXSiz", "STIXNonUni", "DejaVuSansDisplay", "DejaVuSerifDisplay"):
        matching = {path.name for path in found if path.name.startswith(pattern)}
        assert matching, pattern
        assert matching <= left_out
    assert "LastResortHE-Regular.ttf" not in kept
    ordinary = {"DejaVuSans.ttf", "DejaVuSerif-BoldItalic.ttf", "STIXGeneral.ttf", "cmr10.ttf", "cmsy10.ttf"}
    assert ordinary <= kept


def test_what_is_kept_calls_its_letters_by_their_names():
    """Fonts are judged by what they draw; those at hand also name their glyphs, which must agree."""
    alphabets = fonts.distinct_alphabets(fonts.found_fonts())
    assert len(alphabets) >= 20
    for path in alphabets:
        font = FT2Font(str(path))
        for letter in fonts.LETTERS:
            name = font.get_glyph_name(font.get_char_index(ord(letter)))
            assert name == letter or name.startswith("uni"), path  # "uni": the font gives no names


def test_every_kept_font_draws_ten_different_letters():
    for path, alphabet in fonts.distinct_alphabets(fonts.found_fonts()).items():
        looks = fonts._looks(alphabet)
        assert (looks @ looks.T)[~np.eye(10, dtype=bool)].max() < 0.95, path
        assert np.count_nonzero(looks.any(axis=1)) >= 9, path  # an I without serifs fills its frame evenly


def test_a_font_that_is_there_twice_counts_once(tmp_path):
    copies = [shutil.copy(PLAIN, tmp_path / name) for name in ("a.ttf", "b.ttf")]
    assert list(fonts.distinct_alphabets(map(Path, copies))) == [tmp_path / "a.ttf"]


def test_of_two_files_with_one_name_and_size_the_same_is_always_found(tmp_path, monkeypatch):
    paths = [tmp_path / folder / "x.ttf" for folder in "ab"]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(b"same size")
    for order in (paths, paths[::-1]):
        find_only(monkeypatch, order)
        assert fonts.found_fonts() == paths[:1]


def test_outlines_have_no_points_but_those_of_the_letter():
    """Where lines are straight, the points' box is the ink's. FreeType's paths also name the origin, at their ends."""
    alphabet = fonts.read_alphabet(PLAIN)
    for letter in "AEFHI":
        outline = alphabet[fonts.LETTERS.index(letter)]
        corners = np.vstack(outline.curve.to_polygons())
        np.testing.assert_allclose(outline.points.min(axis=0), corners.min(axis=0), err_msg=letter)
        np.testing.assert_allclose(outline.points.max(axis=0), corners.max(axis=0), err_msg=letter)


def find_only(monkeypatch, paths):
    monkeypatch.setattr(fonts, "fontManager", SimpleNamespace(ttflist=[SimpleNamespace(fname=str(p)) for p in paths]))


def test_unreadable_and_missing_fonts_are_skipped(tmp_path, monkeypatch):
    (tmp_path / "empty.ttf").touch()
    (tmp_path / "text.ttf").write_text("no font at all")
    (tmp_path / "cut.ttf").write_bytes(PLAIN.read_bytes()[:20_000])
    (tmp_path / "folder.ttf").mkdir()
    bad = [tmp_path / name for name in ("empty.ttf", "text.ttf", "cut.ttf", "folder.ttf", "gone.ttf")]
    find_only(monkeypatch, [*bad, PLAIN])
    assert list(fonts.distinct_alphabets(fonts.found_fonts())) == [PLAIN]
    assert digest(letters.render(20)) == digest(letters.render(20, fonts=[PLAIN]))


def test_neither_place_nor_order_of_the_fonts_matters(tmp_path, monkeypatch):
    some = [BUNDLED / name for name in ("cmr10.ttf", "DejaVuSerif.ttf", "STIXGeneral.ttf", "DejaVuSans-Bold.ttf")]
    find_only(monkeypatch, some)
    expected = digest(letters.render(50))
    find_only(monkeypatch, some[::-1] + some)
    assert digest(letters.render(50)) == expected
    for folder, path in zip("dcba", some, strict=True):
        (tmp_path / folder).mkdir()
        shutil.copy(path, tmp_path / folder)
    find_only(monkeypatch, tmp_path.glob("*/*.ttf"))
    assert digest(letters.render(50)) == expected


# Pictures


def test_shapes_types_and_balance(drawn):
    images, labels = drawn
    assert (images.shape, images.dtype) == ((2000, 28, 28), np.uint8)
    assert (labels.shape, labels.dtype) == ((2000,), np.uint8)
    assert np.bincount(labels).tolist() == [200] * 10
    for start in range(0, 2000, 10):
        assert sorted(labels[start : start + 10]) == list(range(10))
    assert len({tuple(labels[start : start + 10]) for start in range(0, 2000, 10)}) > 190  # shuffled


def test_no_letter_is_empty_faint_or_cut_off(drawn):
    images, _ = drawn
    brightest, ink = images.max(axis=(1, 2)), images.mean(axis=(1, 2))
    assert brightest.min() > 100
    assert np.median(brightest) > 240
    assert ink.min() > 3
    assert ink.max() < 150
    border = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    assert (border > 0).mean() < 0.02
    assert border.max() < 100


def test_no_two_pictures_are_the_same(drawn):
    images, _ = drawn
    assert len(np.unique(images.reshape(2000, -1), axis=0)) == 2000


def test_pictures_show_what_the_labels_say(drawn):
    """Least squares on the pixels tell the letters apart, though not without mistakes: neither garbage nor trivial."""
    images, labels = drawn
    x = images.reshape(2000, -1) / 255
    fitted, seen = slice(0, 1500), slice(1500, 2000)
    gram = x[fitted].T @ x[fitted] + 10 * np.eye(784)
    weights = np.linalg.solve(gram, x[fitted].T @ np.eye(10)[labels[fitted]])
    accuracy = np.mean((x[seen] @ weights).argmax(axis=1) == labels[seen])
    assert 0.55 < accuracy < 0.95


def test_letters_stand_upright():
    """An F has more of its ink above the middle than below, an A less; an E more to the left than to the right."""
    images, labels = letters.render(1000, fonts=[PLAIN])
    above = images[:, :14].sum(axis=(1, 2), dtype=float) / images.sum(axis=(1, 2), dtype=float)
    left = images[:, :, :14].sum(axis=(1, 2), dtype=float) / images.sum(axis=(1, 2), dtype=float)
    assert above[labels == fonts.LETTERS.index("F")].mean() > 0.58
    assert above[labels == fonts.LETTERS.index("A")].mean() < 0.47
    assert left[labels == fonts.LETTERS.index("E")].mean() > 0.53
    assert left[labels == fonts.LETTERS.index("J")].mean() < 0.47


# The same every time


def test_the_same_seed_gives_the_same_bytes_in_every_process():
    code = """
        import hashlib, matplotlib
        from fastnn.datasets import letters
        matplotlib.rcParams.update({"path.simplify_threshold": 1.0, "path.snap": False, "text.antialiased": False,
                                    "text.hinting": "no_autohint", "figure.dpi": 10, "agg.path.chunksize": 101})
        print(hashlib.sha256(b"".join(array.tobytes() for array in letters.render(300, seed=7))).hexdigest())
    """
    assert run_python(code).stdout.strip() == digest(letters.render(300, seed=7))


def test_another_seed_gives_other_letters():
    (images, labels), (others, other_labels) = (letters.render(100, seed, [PLAIN]) for seed in (1, 2))
    assert (images != others).any(axis=(1, 2)).all()
    assert (labels != other_labels).any()


@pytest.mark.parametrize("n", [1, 999, 1001])
def test_fewer_letters_are_the_first_of_more(drawn, n):
    images, labels = letters.render(n)
    np.testing.assert_array_equal(images, drawn[0][:n], strict=True)
    np.testing.assert_array_equal(labels, drawn[1][:n], strict=True)


def test_render_leaves_the_callers_random_numbers_alone():
    before = np.random.get_state()[1].copy()
    letters.render(10)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize(
    ("arguments", "error", "expected"),
    [
        ({"n": 0}, ValueError, "n must be at least 1, received 0"),
        ({"n": 10.0}, TypeError, "n must be an integer of at least 1, received 10.0"),
        ({"seed": -1}, ValueError, "seed must be at least 0, received -1"),
        ({"seed": None}, TypeError, "seed must be an integer of at least 0, received None"),
        ({"fonts": []}, ValueError, "fonts must hold at least one font file, received none"),
        ({"fonts": "a.ttf"}, TypeError, "fonts must be a sequence of font files, received the single one 'a.ttf'"),
        ({"fonts": [BUNDLED / "none.ttf"]}, FileNotFoundError, ".*none.ttf: expected a font .*, there is no such file"),
        ({"fonts": [PLAIN, BUNDLED / "cmex10.ttf"]}, ValueError, ".*cmex10.ttf: .* one with other symbols there"),
        ({"fonts": [BUNDLED / "STIXSizOneSymReg.ttf"]}, ValueError, ".*Reg.ttf: .*, received none: it has no A"),
        ({"fonts": [__file__]}, ValueError, ".*test_letters.py: expected a font .*, received none: .*"),
    ],
)  # fmt: skip
def test_bad_arguments_of_render(arguments, error, expected):
    with pytest.raises(error, match=f"^{expected}$"):
        letters.render(**arguments)


def test_bad_seed_of_load_data():
    with pytest.raises(ValueError, match="^seed must be at least 0, received -1$"):
        letters.load_data(seed=-1)


# The cache


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of its own, and few letters to put there."""
    monkeypatch.setenv("FASTNN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(letters, "_COUNT", 50)
    find_only(monkeypatch, [PLAIN, BUNDLED / "cmr10.ttf"])
    return tmp_path / "letters"


def load(capsys, seed=0):
    """What load_data gives, and whether it said that it draws."""
    capsys.readouterr()
    data = letters.load_data(seed=seed)
    out, err = capsys.readouterr()
    assert out == ""
    said = re.fullmatch(r"fastnn renders 50 letters, .*: about \d+ seconds?\n", err)
    assert said or err == ""
    return data, bool(said)


def kept_files(cache):
    return sorted(cache.iterdir())


def test_letters_are_drawn_once_and_then_read(cache, capsys):
    first, said = load(capsys)
    assert said
    assert digest(first) == digest(letters.render(50))
    (file,) = kept_files(cache)
    assert file.suffix == ".npz"
    again, said = load(capsys)
    assert not said
    assert digest(again) == digest(first)
    assert all(array.flags.writeable for array in again)


def test_what_is_kept_is_what_is_read(cache, capsys):
    """The cache is used: what it holds, with its right key, comes back."""
    load(capsys)
    (file,) = kept_files(cache)
    with np.load(file) as kept:
        np.savez(file, images=kept["images"][::-1], labels=kept["labels"], key=kept["key"])
    (images, _), said = load(capsys)
    assert not said
    np.testing.assert_array_equal(images[::-1], letters.render(50)[0])


def test_other_seeds_fonts_and_versions_have_files_of_their_own(cache, capsys, monkeypatch):
    expected = 0
    for change in (
        lambda: None,
        lambda: find_only(monkeypatch, [PLAIN]),
        lambda: monkeypatch.setattr(letters, "_RENDERING_VERSION", -1),
        lambda: monkeypatch.setattr(matplotlib, "__version__", "0.0"),
        lambda: monkeypatch.setattr(letters, "_COUNT", 51),
    ):
        change()
        for seed in (0, 1):
            capsys.readouterr()
            images, _ = letters.load_data(seed=seed)
            expected += 1
            assert "fastnn renders" in capsys.readouterr().err
            assert len(kept_files(cache)) == expected
            np.testing.assert_array_equal(images, letters.render(letters._COUNT, seed)[0])


def damages(good):
    """Files that are not what belongs in the cache."""
    images, labels, key = good["images"], good["labels"], good["key"]
    return {
        "other key": {"images": images, "labels": labels, "key": np.array("x")},
        "no key": {"images": images, "labels": labels},
        "two keys": {"images": images, "labels": labels, "key": np.array([key, key])},
        "fewer": {"images": images[:-1], "labels": labels[:-1], "key": key},
        "flat": {"images": images.reshape(50, 784), "labels": labels, "key": key},
        "floats": {"images": images / 255, "labels": labels, "key": key},
        "wide labels": {"images": images, "labels": labels.astype(int), "key": key},
        "pickled": {"images": images, "labels": labels.astype(object), "key": key},
    }


def test_a_damaged_or_foreign_file_in_the_cache_is_replaced(cache, capsys):
    first, _ = load(capsys)
    (file,) = kept_files(cache)
    good = file.read_bytes()
    with np.load(file) as arrays:
        foreign = damages({name: arrays[name] for name in arrays.files})
    raw = {"empty": b"", "text": b"hello", "cut": good[:-100], "half": good[: len(good) // 2]}
    at = good.index(first[0][0].tobytes()) + 300
    raw["one bit"] = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
    for name in [*raw, *foreign]:
        if name in raw:
            file.write_bytes(raw[name])
        else:
            np.savez(file, **foreign[name])
        again, said = load(capsys)
        assert said, name
        assert digest(again) == digest(first), name
        assert load(capsys)[1] is False, name
        assert kept_files(cache) == [file]


def test_a_folder_in_place_of_the_file_is_no_obstacle(cache, capsys):
    first, _ = load(capsys)
    (file,) = kept_files(cache)
    file.unlink()
    file.mkdir()
    again, said = load(capsys)
    assert said
    assert digest(again) == digest(first)


def test_without_a_folder_letters_are_drawn_each_time(cache, capsys, monkeypatch):
    monkeypatch.setattr(letters, "cache_folder", lambda name: None)
    for _ in range(2):
        letters.load_data()
        assert "50 letters, each time, because no cache folder is writable" in capsys.readouterr().err
    assert not cache.exists()


def test_a_full_disk_is_no_obstacle(cache, capsys, monkeypatch):
    def full(file, **_):
        file.write_bytes(b"half")
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(letters.np, "savez", full)
    data, said = load(capsys)
    assert said
    assert digest(data) == digest(letters.render(50))
    assert kept_files(cache) == []


def test_processes_share_the_cache(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FASTNN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(letters, "_COUNT", 50)
    data, said = load(capsys)
    assert said
    other = run_python("""
        import hashlib
        from fastnn.datasets import letters
        letters._COUNT = 50
        print(hashlib.sha256(b"".join(array.tobytes() for array in letters.load_data())).hexdigest())
    """)
    assert other.stdout == digest(data) + "\n"
    assert "fastnn renders" not in other.stderr


# All of them


def test_the_course_gets_its_18724_letters(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTNN_CACHE_DIR", str(tmp_path))
    images, labels = letters.load_data()
    assert (images.shape, labels.shape) == ((18_724, 28, 28), (18_724,))
    for part in (slice(0, 10_000), slice(10_000, 16_000)):
        assert len(set(np.bincount(labels[part]))) == 1
    assert np.ptp(np.bincount(labels)) == 1
    assert images.max(axis=(1, 2)).min() > 100
    border = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    assert (border.max(axis=1) > 64).mean() < 0.005
    np.testing.assert_array_equal(images[:100], letters.render(100)[0])
