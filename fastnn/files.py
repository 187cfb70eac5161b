"""Files that are written completely or not at all, and a folder for data that fastnn generates."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from .kernels.folders import cache_roots, make_private


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path to write to, which is renamed to `path` when the block ends.

    If the block fails, the temporary file is removed and an earlier `path` is kept. The temporary name has the same
    suffix as `path`.
    """
    path = Path(path)
    unfinished = path.with_name(f".{uuid.uuid4().hex[:12]}-{path.name[-20:]}")
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        if error.errno is not None and str(error.filename) in (str(unfinished), "None"):
            raise OSError(error.errno, error.strerror, str(path)) from error  # the path that the user passed
        raise
    finally:
        unfinished.unlink(missing_ok=True)


def cache_folder(name: str) -> Path | None:
    """A folder in the user's cache (`FASTNN_CACHE_DIR` moves it), made if necessary; None if none can be written."""
    for root in cache_roots():
        folder = Path(root, name)
        with contextlib.suppress(OSError):
            make_private(folder)
            return folder
    return None
