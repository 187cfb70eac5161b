"""Splitting data into training and test parts, with scikit-learn's names.

For an integer `random_state` the splits are the same as scikit-learn's.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import checks, frames
from ..randomness import generator
from ..sparse_rows import checked_csr

Split = tuple[np.ndarray, np.ndarray]


class KFold:
    """Splits data into k parts of (almost) equal size; each is the test part once, and the others are for training.

    Args:
        n_splits: k, at least 2.
        shuffle: whether to shuffle the samples first; otherwise each part is a contiguous block of the data.
        random_state: makes the order reproducible; None: use the generator that `fastnn.utils.set_random_seed` seeds.

    Raises:
        ValueError: for fewer than two parts, or a `random_state` without `shuffle`, which would have no effect.

    >>> for train, test in fastnn.model_selection.KFold(3).split(np.zeros((6, 2))):
    ...     print(train, test)
    [2 3 4 5] [0 1]
    [0 1 4 5] [2 3]
    [0 1 2 3] [4 5]
    """

    def __init__(self, n_splits: int = 5, *, shuffle: bool = False, random_state: int | None = None):
        self.n_splits = checks.integer(n_splits, "n_splits", 2)
        self.shuffle = bool(shuffle)
        if random_state is not None and not self.shuffle:
            raise ValueError("random_state has no effect without shuffle=True; leave it out or shuffle")
        self.random_state = None if random_state is None else _seed(random_state)

    def split(self, x: Any, y: Any = None) -> Iterator[Split]:
        """(training indices, test indices) of each of the k splits.

        Args:
            x: samples, of which only the number counts.
            y: their labels (n,), which a stratified split needs.
        """
        part = self._parts(_samples(x), y)
        for i in range(self.n_splits):
            yield np.flatnonzero(part != i), np.flatnonzero(part == i)

    def _parts(self, samples: int, y: Any) -> np.ndarray:
        """For each sample the index of the split in which it is in the test part."""
        if self.n_splits > samples:
            raise ValueError(f"n_splits must be at most the number of samples, {samples}, received {self.n_splits}")
        order = np.arange(samples)
        if self.shuffle:
            _random(self.random_state).shuffle(order)
        part = np.empty(samples, np.int64)
        for i, indices in enumerate(np.array_split(order, self.n_splits)):
            part[indices] = i
        return part


class StratifiedKFold(KFold):
    """Like `KFold`, with each class in the same proportion in every part.

    Args:
        n_splits, shuffle, random_state: as in `KFold`; samples are shuffled within their class.

    Raises:
        ValueError: in `split`, if no class has n_splits samples.

    >>> y = np.array([0, 0, 0, 0, 1, 1])
    >>> for train, test in fastnn.model_selection.StratifiedKFold(2).split(y, y):
    ...     print(y[train], y[test])
    [0 0 1] [0 0 1]
    [0 0 1] [0 0 1]
    """

    def _parts(self, samples: int, y: Any) -> np.ndarray:
        if y is None:
            raise ValueError("StratifiedKFold.split needs y, the labels")
        codes, sizes, first = _classes(y, samples)
        appearance = np.argsort(first)  # scikit-learn numbers classes in order of appearance
        codes, sizes = np.argsort(appearance)[codes], sizes[appearance]
        if sizes.max() < self.n_splits:
            raise ValueError(
                f"n_splits must be at most the size of the largest class, {sizes.max()}, received {self.n_splits}"
            )
        # Dealt like cards from a pack sorted by class, so that the parts have equal sizes, too.
        pack = np.sort(codes)
        share = np.array([np.bincount(pack[i :: self.n_splits], minlength=len(sizes)) for i in range(self.n_splits)])
        random = _random(self.random_state) if self.shuffle else None
        part = np.empty(samples, np.int64)
        for c in range(len(sizes)):
            parts_of_class = np.repeat(np.arange(self.n_splits), share[:, c])
            if random is not None:
                random.shuffle(parts_of_class)
            part[codes == c] = parts_of_class
        return part


def train_test_split(
    *arrays: Any,
    test_size: float | None = None,
    train_size: float | None = None,
    random_state: int | None = None,
    shuffle: bool = True,
    stratify: Any = None,
) -> list[Any]:
    """Split arrays into a training and a test part, all in the same way.

    Args:
        *arrays: arrays of the same length, with one entry per sample; sparse matrices are not made dense.
        test_size: a number of samples (int) or a fraction in (0, 1); None: the rest that `train_size` leaves, or 0.25.
        train_size: the same for the training part; None: the rest that `test_size` leaves.
        random_state: makes the split reproducible; None: use the generator that `fastnn.utils.set_random_seed` seeds.
        shuffle: whether to draw samples at random; otherwise the test part is the end of the data.
        stratify: labels (n,); each class then has the same proportion in both parts.

    Returns:
        [x_train, x_test, y_train, y_test, ...], new arrays; of sparse matrices as CSR.

    Raises:
        ValueError: for no arrays, different lengths, sizes that leave a part empty or exceed the number of samples, or
            sparse matrices whose index arrays are wrong.

    >>> x, y = np.arange(8), np.arange(8) % 2
    >>> x_train, x_test, y_train, y_test = fastnn.model_selection.train_test_split(x, y, test_size=2, random_state=0)
    >>> len(x_train), x_test.tolist(), y_test.tolist()
    (6, [6, 2], [0, 0])
    """
    if not arrays:
        raise ValueError("train_test_split needs at least one array")
    columns = [
        checked_csr(a, f"array {i}") if frames.is_sparse(a) else _column(a, f"array {i}") for i, a in enumerate(arrays)
    ]
    samples = _samples(columns[0])
    for i, column in enumerate(columns):
        if (received := _samples(column)) != samples:
            raise ValueError(f"all arrays must have the same length, received {samples} and {received} (array {i})")
    train, test = _sizes(samples, train_size, test_size)
    if not shuffle:
        if stratify is not None:
            raise ValueError("stratify needs shuffle=True")
        train_indices, test_indices = np.arange(train), np.arange(train, train + test)
    elif stratify is None:
        order = _random(random_state).permutation(samples)
        train_indices, test_indices = order[test : test + train], order[:test]
    else:
        train_indices, test_indices = _stratified(stratify, samples, train, test, _random(random_state))
    return [column[indices] for column in columns for indices in (train_indices, test_indices)]


def _stratified(labels: Any, samples: int, train: int, test: int, random: Any) -> Split:
    codes, sizes, _ = _classes(labels, samples)
    if sizes.min() < 2 or min(train, test) < len(sizes):
        raise ValueError(
            f"stratify needs at least 2 samples of each class and parts with at least one of each; "
            f"received a class of {sizes.min()} and parts of {train} and {test}"
        )
    of_train = _shares(sizes, train, random)
    of_test = _shares(sizes - of_train, test, random)
    picked: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for c, size in enumerate(sizes):
        members = np.flatnonzero(codes == c)[random.permutation(size)]
        picked[0].append(members[: of_train[c]])
        picked[1].append(members[of_train[c] : of_train[c] + of_test[c]])
    return random.permutation(np.concatenate(picked[0])), random.permutation(np.concatenate(picked[1]))


def _shares(sizes: np.ndarray, count: int, random: Any) -> np.ndarray:
    """`count` samples divided among classes of these sizes, by the method of largest remainders."""
    exact = sizes / sizes.sum() * count  # in scikit-learn's order: another one rounds some remainders differently
    shares = np.floor(exact)
    remainders = exact - shares
    missing = int(count - shares.sum())
    for value in np.sort(np.unique(remainders))[::-1]:  # ties are broken at random
        if missing == 0:
            break
        tied = np.flatnonzero(remainders == value)
        chosen = random.choice(tied, size=min(len(tied), missing), replace=False)
        shares[chosen] += 1
        missing -= len(chosen)
    whole: np.ndarray = shares.astype(np.int64)
    return whole


def _column(array: Any, argument: str) -> np.ndarray:
    """Anything with one entry per sample as an array; tables as numbers where they are, else as they are."""
    checks.refuse_batches(array, argument)
    try:
        return np.asarray(frames.as_numbers(array, argument))
    except (TypeError, ValueError):
        return np.asarray(array)


def _samples(x: Any) -> int:
    if not frames.is_sparse(x):
        checks.refuse_batches(x, "x")
        if np.ndim(x) == 0:
            raise ValueError(f"expected arrays with one entry per sample, received {x}")
    return checks.length(x)


def _classes(labels: Any, samples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The class of each sample, numbered from 0 in the labels' order; the size and the first index of each class."""
    array = _column(labels, "the labels")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (samples,):
        raise ValueError(f"the labels must have shape ({samples},), received {array.shape}")
    _, first, codes, sizes = np.unique(array, return_index=True, return_inverse=True, return_counts=True)
    return codes, sizes, first


def _sizes(samples: int, train: float | None, test: float | None) -> tuple[int, int]:
    """The sizes of the parts; as a fraction, the test part is rounded up and the training part down."""
    if test is None and train is None:
        test = 0.25
    counts: list[int | None] = []
    for size, name, rounded in ((train, "train_size", math.floor), (test, "test_size", math.ceil)):
        if size is None:
            counts.append(None)
        elif isinstance(size, (float, np.floating)):
            share = checks.number(size, name, 0, 1, open_high=True)
            counts.append(rounded(samples * share))
        else:
            counts.append(checks.integer(size, name))
    fractions = [share for share in (train, test) if isinstance(share, (float, np.floating))]
    if len(fractions) == 2 and sum(fractions) > 1:
        raise ValueError(f"train_size and test_size must not be more than 1 together, received {train} and {test}")
    train_count = samples - (counts[1] or 0) if counts[0] is None else counts[0]
    test_count = samples - train_count if counts[1] is None else counts[1]
    if train_count < 1 or test_count < 1 or train_count + test_count > samples:
        raise ValueError(
            f"train_size={train} and test_size={test} of {samples} samples give parts of {train_count} and {test_count}"
            "; neither may be empty, and together they must not exceed the number of samples"
        )
    return train_count, test_count


def _random(random_state: int | None) -> Any:
    """For a seed NumPy's legacy generator, as in scikit-learn; otherwise the generator in use."""
    if random_state is None:
        return generator()
    return np.random.RandomState(_seed(random_state))


def _seed(random_state: int) -> int:
    return checks.integer(random_state, "random_state", 0, 2**32 - 1)  # the largest that RandomState takes
