"""As good as scikit-learn's own, on two of its data sets; `python -m bench.agreement` has all of them."""

import numpy as np
import pytest

from bench.agreement import TASKS, Comparison, compare


@pytest.mark.parametrize("name", ["wine", "diabetes"])
def test_scores_agree_within_the_spread_of_ten_seeds(name):
    found = compare(TASKS[name])
    assert len(found.own) == 10
    assert (found.own != found.theirs).any()  # another order of the samples
    assert found.agree, found
    assert 0.4 < found.own.std() / found.theirs.std() < 2.5


def test_what_does_not_agree():
    theirs = np.array([0.9, 0.92, 0.91])
    assert Comparison(theirs[::-1], theirs).agree
    assert not Comparison(theirs - 0.02, theirs).agree
    assert not Comparison(theirs + 0.02, theirs).agree
