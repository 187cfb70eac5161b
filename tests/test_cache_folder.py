"""The folder of the compiled kernels: which one is taken, and that nobody else can change what is in it."""

import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from fastnn import files
from fastnn.kernels import cache, folders

users = pytest.mark.skipif(not hasattr(os, "getuid"), reason="no users to tell apart")


@pytest.fixture
def homeless(tmp_path, monkeypatch):
    """No place to write but what a test allows: returns a path below a regular file."""
    (tmp_path / "file").write_text("")
    nowhere = tmp_path / "file" / "nowhere"
    for name in ("FASTNN_CACHE_DIR", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "USERPROFILE"):
        monkeypatch.setenv(name, str(nowhere))
    monkeypatch.setattr(tempfile, "tempdir", str(nowhere))
    return nowhere


@pytest.mark.parametrize("name", ["FASTNN_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"])
def test_the_folder_is_where_the_variables_say(name, homeless, tmp_path, monkeypatch):
    if name == "HOME":
        monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv(name, str(tmp_path / "here"))
    folder = cache._find_cache_folder()
    below = {"FASTNN_CACHE_DIR": "", "NUMBA_CACHE_DIR": "fastnn", "XDG_CACHE_HOME": "fastnn", "HOME": ".cache/fastnn"}
    if sys.platform.startswith("linux") or name.endswith("CACHE_DIR"):
        assert folder == tmp_path / "here" / below[name] / cache.settings_key()
    assert folder.is_dir()


def test_the_first_that_can_be_written_is_taken(homeless, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTNN_CACHE_DIR", str(homeless))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "numba"))
    with pytest.warns(RuntimeWarning, match=rf"cannot use FASTNN_CACHE_DIR: {homeless}.*Not a directory") as caught:
        folder = cache._find_cache_folder()
    assert len(caught) == 1
    assert folder == tmp_path / "numba" / "fastnn" / cache.settings_key()
    monkeypatch.setenv("FASTNN_CACHE_DIR", str(tmp_path / "fastnn"))
    assert cache._find_cache_folder() == tmp_path / "fastnn" / cache.settings_key()


def test_the_temporary_folder_comes_last_under_a_name_of_ones_own(homeless, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = cache._find_cache_folder()
    assert folder.parents[1] == tmp_path
    assert folder.parent.name == f"fastnn-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"


def test_without_a_home_the_temporary_folder_is_left(homeless, tmp_path, monkeypatch):
    """A user that the machine does not know, as in `docker run --user`."""

    def home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("LOCALAPPDATA")
    monkeypatch.setattr(Path, "home", home)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert cache._find_cache_folder().parents[1] == tmp_path


def test_nowhere_is_a_warning_that_says_what_to_do(homeless, monkeypatch):
    monkeypatch.setenv("FASTNN_CACHE_DIR", str(homeless))
    with pytest.warns(RuntimeWarning, match="Set FASTNN_CACHE_DIR to a folder of your own") as caught:
        assert cache._find_cache_folder() is None
    assert len(caught) == 1
    assert str(homeless) in str(caught[0].message)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners to tell apart")
def test_a_folder_of_somebody_elses_is_not_used(homeless, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert cache._find_cache_folder() is not None
    monkeypatch.setattr(os, "getuid", lambda: 4321)
    with pytest.warns(RuntimeWarning, match="no folder can be written"):
        assert cache._find_cache_folder() is None


# ---------------------------------------------------------------------------------------------------------------------
# Cached kernels are executed: nobody else may be able to change or swap the folder.


def refused(folder, because):
    with pytest.raises(PermissionError, match=because) as caught:
        folders.make_private(folder)
    assert caught.value.filename == str(folder)


@users
@pytest.mark.parametrize("place", ["parent", "grandparent", "link", "where a link leads"])
def test_a_folder_that_another_user_could_swap_is_refused(place, tmp_path, monkeypatch):
    folder = tmp_path / "grandparent" / "parent" / "own"
    folder.mkdir(parents=True, mode=0o700)
    link = tmp_path / "link"
    link.symlink_to(folder.parent)
    theirs, asked = {
        "parent": (folder.parent, folder),
        "grandparent": (folder.parents[1], folder),
        "link": (link, link / "own"),
        "where a link leads": (folder.parents[1], link / "own"),
    }[place]
    folders.make_private(asked)
    lstat = Path.lstat

    def owned_by_another(path):
        found = lstat(path)
        return SimpleNamespace(st_mode=found.st_mode, st_uid=4321, st_gid=4321) if path == theirs else found

    monkeypatch.setattr(Path, "lstat", owned_by_another)
    refused(asked, f"{theirs} belongs to another user")


@users
@pytest.mark.parametrize("mode", [0o777, 0o707, 0o702, 0o770, 0o720])
@pytest.mark.parametrize("place", ["itself", "parent", "grandparent"])
def test_a_folder_that_others_could_write_or_swap_is_refused(place, mode, tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "_of_one_user", lambda group, user: False)
    folder = tmp_path / "grandparent" / "parent" / "own"
    folders.make_private(folder)
    opened = {"itself": folder, "parent": folder.parent, "grandparent": folder.parents[1]}[place]
    opened.chmod(mode)
    refused(folder, f"other users can write into {opened}, mode {mode:03o}")
    opened.chmod(0o1777)  # as /tmp: others can write there, but not rename what is there
    if place == "itself":
        refused(folder, f"other users can write into {opened}, mode 1777")
    else:
        folders.make_private(folder)


@users
def test_a_group_of_one_user_alone_may_write(tmp_path, monkeypatch):
    """As with the umask 002, which is the default of many systems."""
    import grp
    import pwd

    folder = tmp_path / "own"
    folder.mkdir()
    folder.chmod(0o770)
    monkeypatch.setattr(pwd, "getpwuid", lambda user: SimpleNamespace(pw_name="ada"))
    for name, members, fine in (
        ("ada", [], True),
        ("ada", ["ada"], True),
        ("ada", ["eve"], False),
        ("staff", [], False),
    ):
        group = SimpleNamespace(gr_name=name, gr_mem=members)
        monkeypatch.setattr(grp, "getgrgid", lambda number, group=group: group)
        if fine:
            folders.make_private(folder)
        else:
            refused(folder, "other users can write into")


@users
def test_new_folders_are_for_this_user_alone_whatever_the_umask(homeless, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTNN_CACHE_DIR", str(tmp_path / "a" / "b"))
    before = os.umask(0)
    try:
        made = [cache._find_cache_folder(), files.cache_folder("letters")]
    finally:
        os.umask(before)
    for folder in (*made, tmp_path / "a", tmp_path / "a" / "b"):
        assert folder.stat().st_mode & 0o777 == 0o700


@users
def test_the_first_folder_that_is_refused_is_said(homeless, tmp_path, monkeypatch):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    monkeypatch.setenv("FASTNN_CACHE_DIR", str(tmp_path / "open"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.warns(
        RuntimeWarning, match="cannot use FASTNN_CACHE_DIR: .*other users can write into .*open, mode 777"
    ):
        assert cache._find_cache_folder().parents[1] == tmp_path


def test_a_relative_folder_stays_the_same_when_the_program_moves(homeless, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FASTNN_CACHE_DIR", "here")
    assert cache._find_cache_folder() == tmp_path / "here" / cache.settings_key()
