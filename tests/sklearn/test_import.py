"""scikit-learn is no dependency: `import fastnn` leaves it alone, and `import fastnn.sklearn` says what to install."""

import pytest

from ..subprocesses import run_python


@pytest.mark.parametrize("use", ["import fastnn", "import fastnn; fastnn.models, dir(fastnn), fastnn.__all__"])
def test_fastnn_does_not_import_it(use):
    loaded = run_python(f"import sys\n{use}\nprint(*sys.modules)").stdout.split()
    assert "fastnn" in loaded
    assert not {"sklearn", "joblib", "fastnn.sklearn"} & set(loaded)


def test_fastnn_works_where_it_is_not_installed():
    code = """
        import sys
        sys.modules["sklearn"] = None  # an import of it is a ModuleNotFoundError
        import numpy as np, fastnn
        model = fastnn.Sequential([fastnn.layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(np.ones((4, 2)), np.ones(4), verbose=0)
        print(model.predict(np.ones((4, 2))).shape)
    """
    assert run_python(code).stdout == "(4, 1)\n"


@pytest.mark.parametrize("use", ["fastnn.sklearn", "fastnn.MLPClassifier"])
def test_what_to_import_is_said(use):
    ran = run_python(f"import fastnn\n{use}", check=False)
    said = "it is imported by itself, because it needs scikit-learn: import fastnn.sklearn"
    assert ran.stderr.splitlines()[-1].endswith(said)


@pytest.mark.parametrize("imported", ["import fastnn.sklearn", "from fastnn.sklearn import MLPClassifier"])
def test_what_to_install_is_said(imported):
    ran = run_python(f"import sys\nsys.modules['sklearn'] = None\n{imported}", check=False)
    assert ran.returncode == 1
    said = ran.stderr.splitlines()[-1]
    assert said == 'ImportError: fastnn.sklearn needs scikit-learn: pip install "fastnn-numba[sklearn]"'
