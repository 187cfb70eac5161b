"""Model selection: splitting data, and cross-validation."""

from .cross_validation import cross_validate
from .splits import KFold, StratifiedKFold, train_test_split

__all__ = ["KFold", "StratifiedKFold", "cross_validate", "train_test_split"]
