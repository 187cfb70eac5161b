"""scikit-learn's checks of estimators."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from fastnn.sklearn import MLPClassifier, MLPRegressor

NO_REPEATS = "rows that are set aside, or noise by row, are other ones where rows are repeated or left out"
NO_PARTIAL_FIT = "partial_fit needs validation data for early_stopping, as in scikit-learn, which has none"
WEIGHTS = {
    "check_sample_weight_equivalence_on_dense_data": NO_REPEATS,
    "check_sample_weight_equivalence_on_sparse_data": NO_REPEATS,
}
EARLY = {
    "check_class_weight_classifiers": "ten rows are all right after a few epochs, and training ends",
    "check_fit_score_takes_y": NO_PARTIAL_FIT,
    "check_n_features_in_after_fitting": NO_PARTIAL_FIT,
    "check_estimators_partial_fit_n_features": NO_PARTIAL_FIT,
}
LBFGS = {
    "check_classifiers_multilabel_output_format_predict_proba": "probabilities round to 1, as scikit-learn's own do",
}
ESTIMATORS = [
    MLPClassifier(),
    MLPRegressor(),
    MLPClassifier(solver="lbfgs"),
    MLPRegressor(solver="sgd", learning_rate="adaptive", learning_rate_init=0.01),
    MLPClassifier(dropout=0.2, batch_norm=True),
    MLPClassifier(early_stopping=True, validation_fraction=0.2),
]


def expected(estimator):
    """None for the default parameters."""
    found = WEIGHTS if estimator.dropout or estimator.early_stopping else {}
    return found | (EARLY if estimator.early_stopping else {}) | (LBFGS if estimator.solver == "lbfgs" else {})


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected)
def test_checks_of_estimators(estimator, check):
    check(estimator)
