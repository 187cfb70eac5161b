"""Splits against scikit-learn's own, and cross-validation: the same numbers however the folds are worked off."""

import os
import signal
import threading
import time
import zlib

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, layers
from fastnn.engine import threads
from fastnn.engine.crew import crew
from fastnn.model_selection import KFold, StratifiedKFold, cross_validate, train_test_split

from ..subprocesses import python_at_work

Y = np.array([0, 2, 1, 1, 0, 2, 2, 2, 0, 1, 1, 0, 2, 2, 1, 0, 2])
X, X22 = np.arange(17), np.arange(22)


def tests_of(splitter):
    return [test.tolist() for _, test in splitter.split(X, Y)]


# What scikit-learn 1.9.1 gave for the same calls (recorded once).


@pytest.mark.parametrize(
    ("splitter", "expected"),
    [
        (KFold(5), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10], [11, 12, 13], [14, 15, 16]]),
        (
            KFold(5, shuffle=True, random_state=3),
            [[4, 6, 7, 16], [1, 2, 11, 14], [0, 5, 13], [3, 12, 15], [8, 9, 10]],
        ),
        (StratifiedKFold(3), [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11], [12, 13, 14, 15, 16]]),
        (
            StratifiedKFold(3, shuffle=True, random_state=3),
            [[2, 7, 8, 9, 11, 16], [0, 5, 6, 10, 14, 15], [1, 3, 4, 12, 13]],
        ),
    ],
)
def test_folds_are_scikit_learns(splitter, expected):
    assert tests_of(splitter) == expected


@pytest.mark.parametrize(
    ("options", "train", "test"),
    [
        ({"random_state": 5}, [16, 12, 7, 4, 8, 9, 0, 15, 6, 13, 14, 3], [5, 1, 10, 2, 11]),
        ({"random_state": 5, "test_size": 4, "train_size": 0.5}, [11, 16, 12, 7, 4, 8, 9, 0], [5, 1, 10, 2]),
        ({"shuffle": False, "test_size": 0.3}, list(range(11)), [11, 12, 13, 14, 15, 16]),
        (
            {"random_state": 5, "stratify": Y, "test_size": 0.4},
            [11, 3, 13, 16, 7, 15, 9, 6, 14, 8],
            [5, 1, 4, 10, 2, 12, 0],
        ),
        (
            {"random_state": 11, "stratify": Y, "test_size": 6, "train_size": 7},
            [2, 8, 15, 10, 16, 7, 6],
            [3, 1, 4, 11, 5, 9],
        ),
    ],
)
def test_train_test_split_is_scikit_learns(options, train, test):
    x_train, x_test, y_train, y_test = train_test_split(X, Y, **options)
    assert (x_train.tolist(), x_test.tolist()) == (train, test)
    np.testing.assert_array_equal(y_train, Y[train])
    np.testing.assert_array_equal(y_test, Y[test])


def stratified_calls():
    """Two thousand calls as users write them."""
    for i in range(2000):
        rng = np.random.RandomState(i)
        sizes = rng.randint(2, 40, size=rng.randint(2, 7))
        y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
        options = {"test_size": [0.1, 0.2, 0.25, 0.3, 0.33, 0.4, 0.5, len(y) // 3][rng.randint(8)], "random_state": i}
        if i % 4 == 0:
            options["train_size"] = [0.3, 0.5, len(y) // 2][rng.randint(3)]
        yield y, options


def test_stratified_splits_are_scikit_learns_in_two_thousand_calls():
    """Remainders that are equal but for a rounding error decide which class gets one sample more."""
    checksum, refused = 0, 0
    for y, options in stratified_calls():
        try:
            parts = train_test_split(np.arange(len(y)), stratify=y, **options)
        except ValueError:
            refused += 1
            continue
        checksum = zlib.crc32(b"".join(part.astype("<i4").tobytes() for part in parts), checksum)
    assert (checksum, refused) == (750297402, 2)
    train, test = train_test_split(X22, test_size=0.5, stratify=np.repeat([0, 1], [7, 15]), random_state=0)
    assert train.tolist() == [17, 2, 20, 1, 10, 21, 6, 3, 18, 8, 7]
    assert test.tolist() == [4, 11, 14, 16, 15, 5, 0, 13, 9, 12, 19]


def test_every_sample_is_tested_once_and_never_trained_on_at_the_same_time(rng):
    labels = rng.integers(4, size=103)
    for splitter in (KFold(7, shuffle=True), StratifiedKFold(7, shuffle=True)):
        tested = []
        for train, test in splitter.split(labels, labels):
            assert sorted([*train, *test]) == list(range(103))
            tested += test.tolist()
            assert len(test) in (14, 15)
            if isinstance(splitter, StratifiedKFold):
                shares = np.bincount(labels[test], minlength=4) - np.bincount(labels) / 7
                assert np.abs(shares).max() < 1
        assert sorted(tested) == list(range(103))


def test_splits_repeat_with_the_seed_of_everything():
    def drawn():
        return train_test_split(X)[0].tolist(), tests_of(StratifiedKFold(3, shuffle=True))

    fastnn.utils.set_random_seed(4)
    first = drawn()
    assert drawn() != first
    fastnn.utils.set_random_seed(4)
    assert drawn() == first


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: KFold(1), "n_splits must be at least 2, received 1"),
        (lambda: KFold(random_state=3), "random_state has no effect without shuffle=True"),
        (lambda: list(KFold(18).split(X)), "n_splits must be at most the number of samples, 17, received 18"),
        (lambda: list(StratifiedKFold(8).split(X, Y)), "at most the size of the largest class, 7, received 8"),
        (lambda: list(StratifiedKFold(2).split(X)), "needs y"),
        (lambda: list(StratifiedKFold(2).split(X, Y[:5])), r"labels must have shape \(17,\), received \(5,\)"),
        (lambda: train_test_split(), "at least one array"),
        (lambda: train_test_split(X, Y[:5]), r"same length, received 17 and 5 \(array 1\)"),
        (lambda: train_test_split(X, test_size=1.0), r"test_size must be a finite number in \[0, 1\)"),
        (lambda: train_test_split(X, test_size=17), "parts of 0 and 17"),
        (lambda: train_test_split(X, test_size=10, train_size=8), "parts of 8 and 10"),
        (
            lambda: train_test_split(X[:4], train_size=0.7, test_size=0.5),
            "not be more than 1 together, received 0.7",
        ),
        (
            lambda: train_test_split(X, random_state=2**32),
            "random_state must be at most 4294967295, received",
        ),
        (lambda: train_test_split(X, test_size=0), "test_size must be at least 1"),
        (lambda: train_test_split(X, stratify=Y, shuffle=False), "stratify needs shuffle=True"),
        (lambda: train_test_split(X, stratify=Y, test_size=2), "parts with at least one of each"),
        (lambda: train_test_split(X, random_state=-1), "random_state must be at least 0, received -1"),
        (lambda: train_test_split(3), "one entry per sample, received 3"),
    ],
)
def test_mistakes_in_splitting(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Cross-validation

SAMPLES = np.random.default_rng(0).normal(size=(90, 6)).astype(np.float32)
LABELS = (SAMPLES[:, 0] > 0).astype(np.int64) + (SAMPLES[:, 1] > 0.5)


def build(dropout=0.3, optimizer="adam"):
    model = fastnn.Sequential([fastnn.Input((6,)), layers.Dense(8, "relu")])
    if dropout:
        model.add(layers.Dropout(dropout))
    model.add(layers.Dense(3, "softmax"))
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model


def validated(**options):
    fastnn.utils.set_random_seed(7)
    return cross_validate(build, SAMPLES, LABELS, **{"epochs": 4, "batch_size": 16} | options)


def numbers(results):
    return (
        {name: values.tolist() for name, values in results.items() if name.startswith(("test_", "train_"))},
        [h.history for h in results["histories"]],
        [[w.tolist() for w in model.get_weights()] for model in results["models"]],
    )


@pytest.mark.parametrize("n_jobs", [2, 3, 8, None, -1])
def test_the_numbers_do_not_depend_on_the_workers(n_jobs):
    assert numbers(validated(n_jobs=n_jobs)) == numbers(validated(n_jobs=1))


def test_the_numbers_do_not_depend_on_the_threads(monkeypatch):
    expected = numbers(validated(n_jobs=1))
    monkeypatch.setattr(threads, "_asked", 3)
    assert numbers(validated(n_jobs=2)) == expected


def test_in_a_thread_of_the_users_own():
    expected, found = numbers(validated(n_jobs=1)), []
    thread = threading.Thread(target=lambda: found.append(numbers(validated(n_jobs=2))))
    thread.start()
    thread.join(120)
    assert found == [expected]


def test_each_fold_is_a_training_by_itself():
    """Fold by fold with fit, which knows nothing of cross-validation; without dropout, so that no seed is drawn."""
    fastnn.utils.set_random_seed(7)
    initial = build(dropout=0).get_weights()

    def same_start():
        model = build(dropout=0)
        model.set_weights(initial)
        return model

    splits = KFold(3)
    results = cross_validate(
        same_start, SAMPLES, LABELS, cv=splits, epochs=3, shuffle=False, return_train_score=True, n_jobs=2
    )
    for i, (train, test) in enumerate(splits.split(SAMPLES)):
        model = same_start()
        history = model.fit(
            SAMPLES[train], LABELS[train], epochs=3, shuffle=False, verbose=0,
            validation_data=(SAMPLES[test], LABELS[test]),
        )  # fmt: skip
        assert results["histories"][i].history == history.history
        loss, accuracy = model.evaluate(SAMPLES[test], LABELS[test], verbose=0)
        assert (results["test_loss"][i], results["test_accuracy"][i]) == (loss, accuracy)
        train_scores = model.evaluate(SAMPLES[train], LABELS[train], verbose=0)
        assert [results["train_loss"][i], results["train_accuracy"][i]] == train_scores
    assert results["fit_time"].shape == (3,)
    assert (results["fit_time"] > 0).all()


def test_integer_cv_stratifies_labels_and_takes_other_targets_as_they_come():
    """A plain third of sorted labels holds one class only, which a model of the other two cannot know."""
    labels, outputs = np.repeat([0, 1, 2], 30), np.eye(3)[np.repeat([0, 1, 2], 30)]
    x = outputs.astype(np.float32)

    def identity(loss):
        model = fastnn.Sequential([fastnn.Input((3,)), layers.Dense(3, "softmax", kernel_initializer="zeros")])
        model.compile(fastnn.optimizers.SGD(1.0), loss, ["accuracy"])
        return model

    stratified = cross_validate(lambda: identity("sparse_categorical_crossentropy"), x, labels, cv=3, epochs=5)
    np.testing.assert_array_equal(stratified["test_accuracy"], 1)
    plain = cross_validate(lambda: identity("categorical_crossentropy"), x, outputs, cv=3, epochs=5)
    np.testing.assert_array_equal(plain["test_accuracy"], 0)


def test_a_regression():
    def regressor():
        model = fastnn.Sequential([fastnn.Input((6,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    results = cross_validate(regressor, SAMPLES, SAMPLES[:, 0], cv=3, epochs=1)
    assert set(results) == {"test_loss", "fit_time", "histories", "models", "callbacks"}


def test_validation_split_is_taken_from_the_training_part():
    fastnn.utils.set_random_seed(7)
    seen = []

    class Steps(callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append(self.params["steps"])

    results = cross_validate(
        build, SAMPLES, LABELS, cv=3, epochs=2, validation_split=0.5, batch_size=1, callbacks=[Steps()]
    )
    assert seen == [30] * 3  # half of 60
    assert "val_loss" in results["histories"][0].history


def test_sample_weights_are_split_with_the_samples():
    weights = np.where(np.arange(90) < 45, 0.0, 2.0)
    fastnn.utils.set_random_seed(7)
    results = cross_validate(
        lambda: build(dropout=0), SAMPLES, LABELS, cv=KFold(3), epochs=1, sample_weight=weights, shuffle=False
    )
    fastnn.utils.set_random_seed(7)
    models = [build(dropout=0) for _ in range(3)]
    for model, (train, _), trained in zip(models, KFold(3).split(SAMPLES), results["models"], strict=True):
        model.fit(SAMPLES[train], LABELS[train], epochs=1, sample_weight=weights[train], shuffle=False, verbose=0)
        for w, expected in zip(trained.weights, model.weights, strict=True):
            np.testing.assert_array_equal(w, expected)


def test_folds_do_not_share_callbacks():
    stopping = callbacks.EarlyStopping(monitor="val_loss", patience=0)
    results = validated(epochs=60, callbacks=[stopping], n_jobs=3)
    lengths = [len(h.epoch) for h in results["histories"]]
    assert lengths == [len(h.epoch) for h in validated(epochs=60, callbacks=[stopping], n_jobs=1)["histories"]]
    assert not hasattr(stopping, "best")  # the one given has seen nothing
    assert all(kept.best == min(h.history["val_loss"]) for (kept,), h in zip(
        results["callbacks"], results["histories"], strict=True
    ))  # fmt: skip


def test_lines_come_in_the_folds_order(capsys):
    results = validated(verbose=1, n_jobs=4)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"[ Fold | {i + 1:03d}/005 ] loss = {results['test_loss'][i]:.5f}, acc = {results['test_accuracy'][i]:.5f}"
        for i in range(5)
    ]
    validated(n_jobs=2)
    assert capsys.readouterr().out == ""


class Bad(RuntimeError):
    pass


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_end"])
def test_an_error_in_one_fold_ends_all_of_them(hook):
    models = []

    class Fails(callbacks.Callback):
        def fail(self, *arguments):
            if self.model is models[0]:
                raise Bad("fold 1")

    setattr(Fails, hook, Fails.fail)

    def remembered():
        models.append(build())
        return models[-1]

    big = np.zeros((40_000, 6), np.float32)  # so that other folds are still preparing when the first one fails
    with pytest.raises(Bad, match="fold 1") as caught:
        cross_validate(remembered, big, np.arange(40_000) % 3, epochs=10_000_000, callbacks=[Fails()], n_jobs=3)
    assert caught.value.__notes__ == ["in fold 1 of cross_validate"]
    assert crew.working == 0


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_what_ends_a_helpers_fold_ends_all(kind):
    class Ends(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if threading.current_thread() is not threading.main_thread():
                raise kind

    with pytest.raises(kind):
        validated(epochs=10_000_000, callbacks=[Ends()], n_jobs=2)


def test_no_thread_to_be_had(monkeypatch):
    start, started = threading.Thread.start, []

    def second_fails(thread):
        started.append(thread)
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", second_fails)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        validated(epochs=10_000_000, n_jobs=3)
    assert not started[0].is_alive()
    assert crew.working == 0


CTRL_C = """
    import os, signal, sys, threading, numpy as np, fastnn
    from fastnn import layers
    from fastnn.engine.crew import crew
    from fastnn.model_selection import cross_validate
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def build():
        model = fastnn.Sequential([fastnn.Input((6,)), layers.Dense(8), layers.Dense(3, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    class Says(fastnn.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == int(sys.argv[1]):
                print("training\\n", end="", flush=True)  # in one piece: several folds say it

    x, y = np.zeros((90, 6), np.float32), np.arange(90) % 3
    build().fit(x, y, verbose=0)
    try:
        cross_validate(build, x, y, epochs=10_000_000, n_jobs=3, callbacks=[Says()])
    except KeyboardInterrupt:
        print("ended", crew.working, threading.active_count())
"""


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("epoch", [0, 500])
def test_a_real_ctrl_c(epoch):
    """As soon as the first fold trains, while others may not have begun, and when all of them do."""
    with python_at_work(CTRL_C, str(epoch), until="training") as child:
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=120)
    assert child.returncode == 0, errors
    assert output.replace("training\n", "").split() == ["ended", "0", "1"]


def test_ctrl_c_ends_the_folds_of_other_threads_too():
    main = threading.main_thread()

    class Interrupts(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if threading.current_thread() is main and epoch == 3:
                raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        validated(epochs=10_000_000, callbacks=[Interrupts()], n_jobs=3)
    assert threading.active_count() == before
    assert crew.working == 0


def test_helpers_leave_cores_to_the_folds():
    seen = []

    class Counts(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            deadline = time.monotonic() + 60
            while max(seen, default=0) < 2 > crew.working and time.monotonic() < deadline:
                time.sleep(1e-3)  # for another fold: on a busy machine one is over before the next begins
            seen.append(crew.working)  # between two runs

    validated(callbacks=[Counts()], n_jobs=3)
    assert max(seen) >= 2
    assert crew.working == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cv": 1}, "n_splits must be at least 2"),
        ({"cv": [(np.arange(5), np.arange(5, 9))]}, "at least 2 folds, received 1"),
        ({"cv": [([0], [1]), ([0], [])]}, "fold 2 of cv must be non-empty lists of sample indices"),
        ({"cv": [([0], [1]), ([0], [90])]}, r"fold 2 of cv must be indices in \[0, 90\), received 90 to 90"),
        ({"cv": [([0], [1], [2])]}, "fold 1 of cv must be a pair of training and test indices, received 3 parts"),
        ({"cv": [(np.zeros(90, bool), [1])]}, "fold 1 of cv must be non-empty lists of sample indices"),
        ({"n_jobs": 0}, "n_jobs must be at least 1"),
        ({"validation_data": (SAMPLES, LABELS)}, "leave validation_data out"),
    ],
)
def test_mistakes_in_cross_validation(options, message):
    with pytest.raises(ValueError, match=message):
        validated(**options)


def test_a_model_is_for_one_fold_only():
    model, adam = build(), fastnn.optimizers.Adam()
    with pytest.raises(ValueError, match="build_model must make a new model each time"):
        cross_validate(lambda: model, SAMPLES, LABELS)
    with pytest.raises(ValueError, match="build_model must make a new optimizer each time"):
        cross_validate(lambda: build(optimizer=adam), SAMPLES, LABELS)
    layer = layers.Dense(3, "softmax")

    def sharing():
        model = fastnn.Sequential([fastnn.Input((6,)), layer])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    with pytest.raises(ValueError, match="build_model must make new layers each time"):
        cross_validate(sharing, SAMPLES, LABELS)
    layer.trainable = False  # as of an encoder that was trained before
    with pytest.warns(UserWarning, match="has no trainable weights"):
        assert len(cross_validate(sharing, SAMPLES, LABELS, cv=3, n_jobs=2)["test_loss"]) == 3


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((build, SAMPLES, LABELS[:5]), ValueError, "x and y must have the same length"),
        ((build, SAMPLES[:0], LABELS[:0]), ValueError, r"x must hold one entry per sample, received shape \(0, 6\)"),
        ((build, SAMPLES, None), TypeError, "y must be an array of numbers"),
        ((build(), SAMPLES, LABELS), TypeError, "build_model must be a function that makes a compiled model"),
        ((lambda: None, SAMPLES, LABELS), TypeError, "build_model must return a compiled Sequential, received None"),
        ((lambda: fastnn.Sequential(), SAMPLES, LABELS), RuntimeError, "call compile"),
    ],
)
def test_other_mistakes(arguments, error, message):
    with pytest.raises(error, match=message):
        cross_validate(*arguments)
    with pytest.raises(TypeError, match="cv must be a number of folds, a splitter or pairs of indices, received None"):
        validated(cv=None)
