"""Fits in many threads and processes: the same bits, no hang, and no more threads than cores."""

import multiprocessing
import textwrap
import threading

import joblib
import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.preprocessing import StandardScaler

import fastnn
from fastnn import layers
from fastnn.engine import threads
from fastnn.engine.crew import crew
from fastnn.sklearn import MLPClassifier, NeuralClassifier

from ..subprocesses import run_python

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_wine(return_X_y=True)
SCALED = StandardScaler().fit_transform(X)
# Steps large enough to be shared among threads, and a megabyte, which joblib's processes map into their memory.
WIDE = np.random.default_rng(0).normal(size=(700, 200))
WIDE_LABELS = (WIDE[:, 0] > 0).astype(int)


def classifier(**parameters):
    return MLPClassifier(**{"hidden_layer_sizes": (16,), "max_iter": 20, "random_state": 3} | parameters)


def wide():
    return classifier(hidden_layer_sizes=(128,), max_iter=10)


def any_network():
    network = fastnn.Sequential([layers.Dense(8, "gelu"), layers.Dropout(0.3, seed=1), layers.Dense(3, "softmax")])
    return NeuralClassifier(network, epochs=20, random_state=3)


CASES = {"small": (classifier, SCALED, Y), "wide": (wide, WIDE, WIDE_LABELS), "neural": (any_network, SCALED, Y)}


@pytest.fixture(scope="module", autouse=True)
def _no_processes_stay():
    yield
    get_reusable_executor().shutdown(wait=True)


@pytest.fixture(autouse=True)
def _default_threads(monkeypatch):
    monkeypatch.setattr(threads, "_asked", None)


def validated(estimator, x, y, backend, n_jobs):
    """Scores and probabilities of three folds."""
    with joblib.parallel_config(backend, n_jobs=n_jobs):
        found = cross_validate(estimator, x, y, cv=3, return_estimator=True)
    return found["test_score"].tolist(), [fitted.predict_proba(x).tolist() for fitted in found["estimator"]]


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_folds_in_parallel_have_the_same_bits(backend, case):
    """For "multiprocessing" in forked children of a process whose threads have worked."""
    make, x, y = case
    expected = validated(make(), x, y, "sequential", 1)
    assert validated(make(), x, y, backend, 2) == expected
    assert validated(make(), x, y, "sequential", 1) == expected  # and here nothing has changed


def test_a_search_in_parallel_has_the_same_bits():
    grid = {"alpha": [1e-4, 1e-2, 1.0], "hidden_layer_sizes": [(4,), (16,)]}
    found = [GridSearchCV(classifier(), grid, cv=3, n_jobs=n).fit(SCALED, Y) for n in (1, 2)]
    np.testing.assert_array_equal(*(search.cv_results_["mean_test_score"] for search in found))
    np.testing.assert_array_equal(*(search.predict_proba(SCALED) for search in found))


@pytest.mark.parametrize("count", [2, 3])
def test_any_number_of_fastnns_threads(count):
    fastnn.set_num_threads(1)
    alone = wide().fit(WIDE, WIDE_LABELS)
    fastnn.set_num_threads(count)
    shared = wide().fit(WIDE, WIDE_LABELS)
    for own, expected in zip(shared.coefs_, alone.coefs_, strict=True):
        np.testing.assert_array_equal(own, expected)
    np.testing.assert_array_equal(shared.predict_proba(WIDE), alone.predict_proba(WIDE))


def predict_and_fit(fitted, queue):
    queue.put((fitted.predict_proba(WIDE), wide().fit(WIDE, WIDE_LABELS).predict_proba(WIDE)))


def test_a_forked_child_goes_on_with_a_fitted_estimator():
    fastnn.set_num_threads(2)
    fitted = wide().fit(WIDE, WIDE_LABELS)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=predict_and_fit, args=(fitted, queue))
    child.start()
    predicted, fitted_there = queue.get(timeout=120)
    child.join(120)
    np.testing.assert_array_equal(predicted, fitted.predict_proba(WIDE))
    np.testing.assert_array_equal(fitted_there, predicted)


def test_processes_of_joblib_use_their_share_of_the_cores():
    """joblib says how many cores each has in OMP_NUM_THREADS, and fastnn reads it."""
    code = """
        import os, joblib, fastnn
        found = joblib.Parallel(2)(joblib.delayed(fastnn.get_num_threads)() for _ in range(2))
        expected = max(1, joblib.cpu_count() // 2)
        assert found == [expected] * 2, found
        with joblib.parallel_config("loky", inner_max_num_threads=1):
            assert joblib.Parallel(3)(joblib.delayed(fastnn.get_num_threads)() for _ in range(3)) == [1] * 3
    """
    run_python(code, OMP_NUM_THREADS=None, NUMBA_NUM_THREADS=None)


def test_threads_of_joblib_share_the_cores():
    """fastnn's helpers are one crew for all fits of a process, and leave fits that have a core each alone."""
    at_work, stop = [], threading.Event()

    def watch():
        while not stop.wait(0.0005):
            at_work.append(crew.working)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        validated(wide().set_params(max_iter=600), WIDE, WIDE_LABELS, "threading", crew.size)
    finally:
        stop.set()
        watcher.join()
    assert max(at_work) >= 1
    # A helper that came while a fit had not begun stays for one run, which lasts long on a busy machine: so does this.
    assert np.mean(np.array(at_work) > crew.size) < 0.1
    assert crew.working == 0


DASK = """
    from distributed import Client, LocalCluster
    import joblib, numpy as np
    from sklearn.datasets import load_wine
    from sklearn.model_selection import cross_validate
    from fastnn.sklearn import MLPClassifier

    if __name__ == "__main__":
        x, y = load_wine(return_X_y=True)
        network = MLPClassifier((16,), max_iter=20, random_state=3)
        expected = cross_validate(network, x, y, cv=3)["test_score"]
        options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
        for processes in (False, True):
            with LocalCluster(processes=processes, **options) as cluster, Client(cluster):
                with joblib.parallel_config("dask"):
                    found = cross_validate(network, x, y, cv=3)["test_score"]
            np.testing.assert_array_equal(found, expected)
        print("the same")
"""


def test_dask(tmp_path):
    """In threads of one process and in two processes."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(DASK))
    assert run_python(["-W", "ignore", str(script)], cwd=tmp_path).stdout == "the same\n"
