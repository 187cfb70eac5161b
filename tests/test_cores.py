"""How many cores a process may use, from made-up files of the system."""

import os

import pytest

from fastnn.engine import cores

ALL = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
MANY = 64


@pytest.fixture
def many(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(MANY)), raising=False)


def system(folder, files):
    """A file system with these files: {path: text}."""
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def test_this_process():
    assert 1 <= cores.available() <= ALL
    assert cores.available(environment={}) <= ALL


def test_the_affinity(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7}, raising=False)
    assert cores.available(tmp_path, {}) == 3


def test_a_system_without_affinity(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for count, expected in ((6, 6), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda count=count: count)
        assert cores.available(tmp_path, {}) == expected


GROUP = "proc/self/cgroup"
VERSION_2 = {GROUP: "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n", "sys/fs/cgroup/a/cpu.max": "max 100000\n"}
VERSION_1 = {GROUP: "9:memory:/a\n4:cpu,cpuacct:/a/b\n1:cpuset:/\n0::/\n"}


def quota(folder, quota, period=100000):
    return {f"{folder}/cpu.cfs_quota_us": f"{quota}\n", f"{folder}/cpu.cfs_period_us": f"{period}\n"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, MANY),
        (VERSION_2, MANY),
        (VERSION_2 | {"sys/fs/cgroup/a/b/cpu.max": "300000 100000\n"}, 3),
        (VERSION_2 | {"sys/fs/cgroup/a/b/cpu.max": "150000 100000\n"}, 2),  # one and a half
        (VERSION_2 | {"sys/fs/cgroup/a/b/cpu.max": "1000 100000\n"}, 1),
        (VERSION_2 | {"sys/fs/cgroup/a/cpu.max": "500000 100000\n"}, 5),  # of the group around it
        (VERSION_2 | {"sys/fs/cgroup/cpu.max": "700000 100000\n"}, 7),  # a container's own group is the root
        (VERSION_2 | {"sys/fs/cgroup/a/b/cpu.max": "9000 1000\n", "sys/fs/cgroup/a/cpu.max": "8000 1000\n"}, 8),
        (VERSION_2 | {"sys/fs/cgroup/a/b/cpu.max": "nonsense\n"}, MANY),
        (VERSION_2 | {"sys/fs/cgroup/a/b/cpu.max": "100000 0\n"}, MANY),
        ({GROUP: "0::/\n", "sys/fs/cgroup/cpu.max": "400000 100000\n"}, 4),
        ({GROUP: "nonsense\n\n::\n"}, MANY),
        ({GROUP: "0::/../../a\n"}, MANY),  # a group outside of what is mounted
        (VERSION_1, MANY),
        (VERSION_1 | quota("sys/fs/cgroup/cpu,cpuacct/a/b", -1), MANY),
        (VERSION_1 | quota("sys/fs/cgroup/cpu,cpuacct/a/b", 250000), 3),
        (VERSION_1 | quota("sys/fs/cgroup/cpu/a", 50000, 25000), 2),
        (VERSION_1 | quota("sys/fs/cgroup/cpu", 600000), 6),  # in a container
        (VERSION_1 | quota("sys/fs/cgroup/memory/a", 100000), MANY),
    ],
)
def test_the_quota_of_a_container(files, expected, tmp_path, many):
    assert cores.available(system(tmp_path, files), {}) == expected


@pytest.mark.parametrize("name", ["NUMBA_NUM_THREADS", "OMP_NUM_THREADS"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [("3", 3), (" 3 ", 3), ("3,2", 3), ("100", MANY)] + [(text, MANY) for text in ("", "0", "-2", "two", "1.5", "²")],
)
def test_what_the_user_has_set(name, value, expected, tmp_path, many):
    assert cores.available(tmp_path, {name: value}) == expected


def test_the_smallest_number_counts(tmp_path, many):
    files = system(tmp_path, VERSION_2 | {"sys/fs/cgroup/a/b/cpu.max": "500000 100000\n"})
    assert cores.available(files, {"NUMBA_NUM_THREADS": "7", "OMP_NUM_THREADS": "6"}) == 5
    assert cores.available(files, {"NUMBA_NUM_THREADS": "3", "OMP_NUM_THREADS": "6"}) == 3
