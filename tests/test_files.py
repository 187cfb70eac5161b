"""Files are written completely or not at all, and only where a file belongs."""

import errno
import os
import signal
import stat
import subprocess
import sys

import pytest

from fastnn.files import written_whole

from .subprocesses import python_at_work

posix = pytest.mark.skipif(os.name != "posix", reason="no links, modes and devices of this kind")


def write(path, text="new"):
    with written_whole(path) as unfinished:
        unfinished.write_text(text)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@posix
@pytest.mark.parametrize("exists", [False, True], ids=["to nothing", "to a file"])
def test_a_link_is_followed(exists, tmp_path):
    (tmp_path / "far").mkdir()
    target, link, second = tmp_path / "far" / "target", tmp_path / "link", tmp_path / "second"
    link.symlink_to("far/target")
    second.symlink_to(link)
    if exists:
        target.write_text("old")
    write(second)
    assert target.read_text() == link.read_text() == "new"
    assert link.is_symlink()
    assert second.is_symlink()
    assert not target.is_symlink()
    assert {path.name for path in tmp_path.iterdir()} == {"far", "link", "second"}
    assert [path.name for path in target.parent.iterdir()] == ["target"]


@posix
@pytest.mark.parametrize("before", [0o600, 0o644, 0o666, 0o640, 0o755, 0o444])
def test_a_replaced_file_passes_on_its_mode_and_is_never_more_public(before, tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(before)
    with written_whole(path) as unfinished:
        assert mode(unfinished) == 0o600
        unfinished.write_text("new")
    assert path.read_text() == "new"
    assert mode(path) == before


@posix
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o000])
def test_a_new_file_has_the_mode_that_open_gives(umask, tmp_path):
    before = os.umask(umask)
    try:
        write(tmp_path / "file")
        assert mode(tmp_path / "file") == 0o666 & ~umask
    finally:
        os.umask(before)


@posix
@pytest.mark.parametrize("what", ["folder", "device", "pipe", "link to a device"])
def test_only_regular_files_are_replaced(what, tmp_path):
    path = tmp_path / what
    if what == "folder":
        path.mkdir()
    elif what == "device":
        path = "/dev/null"
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/null")
    before = os.stat(path)
    with pytest.raises(ValueError, match=f"path must name a regular file, received the (folder|device or pipe) {path}"):
        write(path)
    assert os.path.samestat(os.stat(path), before)
    assert stat.S_IFMT(os.stat(path).st_mode) == stat.S_IFMT(before.st_mode)


@posix
@pytest.mark.parametrize("through_a_link", [False, True])
def test_an_error_names_the_path_that_was_asked_for(through_a_link, tmp_path, monkeypatch):
    """As on a disk that is read-only, where even removing the temporary file fails."""
    path = tmp_path / "file"
    if through_a_link:
        path.symlink_to(tmp_path / "target")

    def read_only(name, *rest):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), name)

    for refusing in ("open", "unlink"):
        monkeypatch.setattr(os, refusing, read_only)
    with pytest.raises(OSError, match="Read-only file system") as caught:
        write(path)
    assert caught.value.filename == str(path)
    assert caught.value.errno == errno.EROFS


def test_errors_of_other_files_keep_their_names(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, written_whole(tmp_path / "file"):
        (tmp_path / "another").read_text()
    assert caught.value.filename == str(tmp_path / "another")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------------------------------------------------
# Writers that were killed.

WRITES_FOR_EVER = """
import sys, time
from fastnn.files import written_whole
with written_whole(sys.argv[1]) as unfinished:
    unfinished.write_text("half")
    print("writing", flush=True)
    time.sleep(600)
"""


@posix
def test_leftovers_of_killed_writers_are_removed_and_those_of_living_ones_are_not(tmp_path):
    path = tmp_path / "model.safetensors"
    other = tmp_path / ".0123456789ab-other.safetensors"
    for name in (other, tmp_path / ".notes-model.safetensors", tmp_path / "0123456789ab-model.safetensors"):
        name.write_text("none of these")
    mine = {file.name for file in tmp_path.iterdir()}
    with python_at_work(WRITES_FOR_EVER, str(path), until="writing") as child:
        (unfinished,) = {file.name for file in tmp_path.iterdir()} - mine
        write(path, "first")
        with written_whole(path) as own:  # two writers in one process
            own.write_text("third")
            write(path, "second")
        assert path.read_text() == "third"
        assert (tmp_path / unfinished).read_text() == "half"
        child.send_signal(signal.SIGKILL)
        child.wait(timeout=60)
        assert (tmp_path / unfinished).exists()
        write(path, "fourth")
    assert {file.name for file in tmp_path.iterdir()} == {*mine, path.name}
    assert path.read_text() == "fourth"


MANY = "import sys\nfrom fastnn.files import written_whole\n" + (
    "for i in range(300):\n    with written_whole(sys.argv[1]) as unfinished: unfinished.write_text('x' * 1000)\n"
)


@posix
def test_writers_of_one_file_at_the_same_time(tmp_path):
    writers = [subprocess.Popen([sys.executable, "-c", MANY, str(tmp_path / "file")]) for _ in range(3)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "x" * 1000
