"""scikit-learn's own tests of its multi-layer perceptrons, as they are installed, with ours in their place."""

from pathlib import Path

import pytest
from sklearn import neural_network

# What cannot pass, and why.
IMPOSSIBLE = {
    "test_gradient": "calls the private _loss_grad_lbfgs with buffers of scikit-learn's own; test_mlp.py has gradients",
}

pytestmark = pytest.mark.filterwarnings("default", "ignore::sklearn.exceptions.ConvergenceWarning")

THEIRS = Path(neural_network.__file__).parent / "tests" / "test_mlp.py"
IMPORT = "from sklearn.neural_network import MLPClassifier, MLPRegressor\n"


@pytest.fixture
def global_random_seed():
    return 42


source = THEIRS.read_text()
assert source.count(IMPORT) == 1
exec(compile(source.replace(IMPORT, "from fastnn.sklearn import MLPClassifier, MLPRegressor\n"), THEIRS, "exec"))
for name, reason in IMPOSSIBLE.items():
    globals()[name] = pytest.mark.xfail(reason=reason, strict=True)(globals()[name])
