"""How many cores this process may use: its affinity, the CPU quota of its container, and what the user has set."""

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

_FILES = Path("/")
# What other libraries take for the number of threads; process pools set them for their workers.
_BOUNDS = "NUMBA_NUM_THREADS", "OMP_NUM_THREADS"


def available(files: Path = _FILES, environment: Mapping[str, str] = os.environ) -> int:
    """The number of cores, at least 1; a quota of 1.5 cores counts as 2.

    Args:
        files: the root of the file system.
        environment: the environment variables.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    bounds = [math.ceil(quota) for quota in _quotas(files)]
    for name in _BOUNDS:
        first = environment.get(name, "").split(",")[0].strip()  # OMP_NUM_THREADS may list one number for each level
        if first.isascii() and first.isdecimal() and int(first) > 0:
            bounds.append(int(first))
    return max(1, min([cores, *bounds]))


def _quotas(files: Path) -> Iterator[float]:
    """The CPU quotas of this process's control groups and of all groups around them, in cores."""
    for line in _read(files / "proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        inside = path.strip("/")
        names = controllers.split(",")
        if controllers == "":  # version 2, which has one tree for everything
            for group in _upwards(files / "sys/fs/cgroup", inside):
                yield from _ratio(_read(group / "cpu.max").split())
        elif "cpu" in names:  # version 1
            for folder in {"cpu", controllers}:
                for group in _upwards(files / "sys/fs/cgroup" / folder, inside):
                    yield from _ratio([_read(group / f"cpu.cfs_{name}_us") for name in ("quota", "period")])


def _upwards(root: Path, inside: str) -> Iterator[Path]:
    """A group's folder and those around it. In a container, its own group may be mounted as the root."""
    group = root / inside
    while group != root:
        yield group
        group = group.parent
    yield root


def _ratio(texts: list[str]) -> Iterator[float]:
    """Microseconds of computing in each period, as cores; nothing where there is no limit ("max", -1) or no file."""
    try:
        quota, period = map(int, texts)
    except ValueError:
        return
    if quota > 0 and period > 0:
        yield quota / period


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
