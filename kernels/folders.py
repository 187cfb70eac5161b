"""The user's cache folders. What lies in them is executed, so nobody else may be able to put anything there."""

import contextlib
import errno
import os
import stat
import sys
import tempfile
from pathlib import Path


def _user_cache():
    """fastnn's folder among the user's caches."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "fastnn" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "fastnn"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fastnn"


def cache_roots():
    """The folders that may hold the cache, in order of preference."""
    if asked := os.environ.get("FASTNN_CACHE_DIR"):
        yield Path(asked)
    if asked := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(asked) / "fastnn"
    with contextlib.suppress(RuntimeError):  # no home folder can be found
        yield _user_cache()
    yield Path(tempfile.gettempdir()) / f"fastnn-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"


def make_private(folder):
    """Create `folder` if needed, for this user only.

    Raises:
        OSError: if this user cannot write there, or if another user can.
    """
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    check_private(folder)
    tempfile.TemporaryFile(dir=folder).close()


def check_private(folder):
    """A PermissionError if another user can write into `folder`, or put something else in its place."""
    if not hasattr(os, "getuid"):
        return
    real = Path(os.path.realpath(folder))
    for path in _passed(Path(os.path.abspath(folder))) | {real, *real.parents}:
        found = path.lstat()  # of a link itself: what it leads to is among the real ones
        if found.st_uid != os.getuid() and (path == real or found.st_uid not in (0, Path("/").lstat().st_uid)):
            raise PermissionError(errno.EPERM, f"{path} belongs to another user", str(folder))
        # In a folder with the sticky bit, such as /tmp, nobody can rename what belongs to others.
        sticky = path != real and found.st_mode & stat.S_ISVTX
        others = found.st_mode & stat.S_IWOTH
        group = found.st_mode & stat.S_IWGRP and not _of_one_user(found.st_gid, found.st_uid)
        if stat.S_ISDIR(found.st_mode) and (others or group) and not sticky:
            mode = stat.S_IMODE(found.st_mode)
            raise PermissionError(errno.EPERM, f"other users can write into {path}, mode {mode:03o}", str(folder))


def _passed(named):
    """The paths that lead to a folder: those above it, and those of the links among them."""
    passed, ahead = set(), [named]
    while ahead:
        path = ahead.pop()
        for part in {path, *path.parents} - passed:
            passed.add(part)
            if part.is_symlink():
                ahead.append(Path(os.path.abspath(part.parent / os.readlink(part))))
    return passed


def _of_one_user(group, user):
    """Whether a group is that of one user alone: many systems give each user one, and let it write by default."""
    import grp
    import pwd

    try:
        name, members = pwd.getpwuid(user).pw_name, grp.getgrgid(group)
    except KeyError:
        return False
    return members.gr_name == name and set(members.gr_mem) <= {name}


def check_own(file):
    """A ValueError if an open file belongs to another user."""
    if hasattr(os, "getuid") and os.fstat(file.fileno()).st_uid != os.getuid():
        raise ValueError("it belongs to another user")
