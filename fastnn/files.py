"""Files that are written completely or not at all, and a folder for data that fastnn generates."""

import contextlib
import os
import re
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

from .kernels.folders import cache_roots, make_private

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path to write to, which is renamed to `path` when the block ends.

    If the block fails, the temporary file is removed and an earlier `path` is kept. The temporary name has the same
    suffix as `path`. Links are followed, and a file that is replaced passes on its mode. What writers that were killed
    have left beside `path` is removed.

    Raises:
        ValueError: if there is something at `path` that is not a regular file.
        OSError: if it cannot be written; the error names `path`.
    """
    asked, path = Path(path), Path(os.path.realpath(path))
    mode = mode_of_file(asked)
    try:
        _remove_leftovers(path)
        with _temporary(path, private=mode is not None) as unfinished:
            yield unfinished
            if mode is not None:
                unfinished.chmod(mode)
            unfinished.replace(path)
    except OSError as error:
        name = "" if error.filename is None else os.path.basename(error.filename)
        if error.errno is not None and (name in ("", path.name) or _temporary_names(path).fullmatch(name)):
            raise OSError(error.errno, error.strerror, str(asked)) from error  # the path that the user passed
        raise


def mode_of_file(path: Path) -> int | None:
    """The permissions of a file that may be replaced; None if there is nothing at `path`.

    Raises:
        ValueError: if it is not a regular file: a folder, a device or a pipe.
    """
    try:
        found = path.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found):
        came = "the folder" if stat.S_ISDIR(found) else "the device or pipe"
        raise ValueError(f"path must name a regular file, received {came} {path}")
    return stat.S_IMODE(found)


@contextlib.contextmanager
def _temporary(path: Path, private: bool) -> Iterator[Path]:
    """A new file beside `path`, locked so that no other writer takes it for a leftover; removed if it is still there.

    With `private`, only this user can read it: the file that it replaces may be just as private.
    """
    while True:
        unfinished = path.with_name(f".{uuid.uuid4().hex[:12]}-{path.name[-20:]}")
        with open(unfinished, "xb", opener=lambda name, how: os.open(name, how, 0o600 if private else 0o666)) as held:
            try:
                if fcntl is None:
                    held.close()  # Windows does not rename open files
                else:
                    with contextlib.suppress(OSError):  # on a disk without locks
                        fcntl.flock(held, fcntl.LOCK_EX)
                if unfinished.exists():  # otherwise another writer took it for a leftover before it was locked
                    yield unfinished
                    return
            finally:
                with contextlib.suppress(OSError):
                    unfinished.unlink(missing_ok=True)


def _temporary_names(path: Path) -> re.Pattern[str]:
    return re.compile(rf"\.[0-9a-f]{{12}}-{re.escape(path.name[-20:])}", re.DOTALL)


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary files for `path` that nobody holds any more: their writers were killed."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError):
        for name in filter(_temporary_names(path).fullmatch, os.listdir(path.parent)):
            leftover = path.with_name(name)
            with contextlib.suppress(OSError):
                if leftover.is_symlink() or not leftover.is_file():
                    continue
                with leftover.open("rb") as held:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # an OSError if its writer is alive
                    leftover.unlink()


def cache_folder(name: str) -> Path | None:
    """A folder in the user's cache (`FASTNN_CACHE_DIR` moves it), made if necessary; None if none can be written."""
    for root in cache_roots():
        folder = Path(root, name)
        with contextlib.suppress(OSError):
            make_private(folder)
            return folder
    return None
