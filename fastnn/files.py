"""Files that are never half there, and a place for data that fastnn made itself."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from .kernels.cache import cache_roots, own_and_writable


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to write to, which becomes `path` when the block ends.

    If the block fails, what it wrote is removed and an earlier `path` stays. The name keeps `path`'s ending.
    """
    path = Path(path)
    unfinished = path.with_name(f".{uuid.uuid4().hex[:12]}-{path.name[-20:]}")
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        if error.errno is not None and str(error.filename) in (str(unfinished), "None"):
            raise OSError(error.errno, error.strerror, str(path)) from error  # the name that the user knows
        raise
    finally:
        unfinished.unlink(missing_ok=True)


def cache_folder(name: str) -> Path | None:
    """A folder in the user's cache (`FASTNN_CACHE_DIR` moves it), made if need be; None where none can be written."""
    for root in cache_roots():
        folder = Path(root, name)
        with contextlib.suppress(OSError):
            if own_and_writable(folder):
                return folder
    return None
