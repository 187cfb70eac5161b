"""Two processes that compile the same kernel for other types at the same moment, and keep it in one cache."""

import pytest

from fastnn.kernels.jit import JIT_ENABLED
from fastnn.kernels.rescaling import rescaling_forward

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="plain Python compiles and keeps nothing")


def test_neither_loads_what_the_other_has_compiled(tmp_path, monkeypatch):
    """Both read the index before either writes it, and the data are written in the other order: as bad as it can be."""

    def files():
        files = type(rescaling_forward._cache)(rescaling_forward.py_func)._cache_file
        monkeypatch.setattr(files, "_cache_path", str(tmp_path))
        monkeypatch.setattr(files, "_index_path", str(tmp_path / "kernel.nbi"))
        return files

    first, second = files(), files()
    load_index, save_data, waiting = first._load_index, second._save_data, []

    def read_too_early():
        index = load_index()
        second.save("float64", "the kernel for float64")
        return index

    monkeypatch.setattr(first, "_load_index", read_too_early)
    monkeypatch.setattr(second, "_save_data", lambda *name_and_data: waiting.append(name_and_data))
    first.save("float32", "the kernel for float32")
    for name_and_data in waiting:
        save_data(*name_and_data)
    for dtype in ("float32", "float64"):
        assert files().load(dtype) in (None, f"the kernel for {dtype}")
