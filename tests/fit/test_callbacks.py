"""Callbacks: which hooks are called when, with what; and stopping."""

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, optimizers

from ..small_models import assert_same_weights, classifier, labels, losses_of, regressor, samples

X, Y = samples(), labels()


class Diary(callbacks.Callback):
    """Writes down every call."""

    def __init__(self, *skipped):
        super().__init__()
        self.calls, self.skipped = [], skipped

    def _note(self, *entry):
        if entry[0] not in self.skipped:
            self.calls.append(entry)

    def on_train_begin(self, logs=None):
        self._note("train_begin", logs)

    def on_train_end(self, logs=None):
        self._note("train_end", logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._note("epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        self._note("epoch_end", epoch, dict(logs))

    def on_train_batch_begin(self, batch, logs=None):
        self._note("batch_begin", batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        self._note("batch_end", batch, dict(logs))

    def on_test_begin(self, logs=None):
        self._note("test_begin", logs)

    def on_test_end(self, logs=None):
        self._note("test_end", dict(logs))


def test_all_hooks_in_order():
    model, diary = classifier(), Diary()
    history = model.fit(X, Y, batch_size=20, epochs=2, validation_data=(X, Y), callbacks=diary, verbose=0).history
    names = [call[0] for call in diary.calls]
    epoch = ["epoch_begin", *2 * ["batch_begin", "batch_end"], "test_begin", "test_end", "epoch_end"]
    assert names == ["train_begin", *epoch, *epoch, "train_end"]
    assert [call[1] for call in diary.calls if call[0] == "batch_begin"] == [0, 1, 0, 1]
    ends = [call for call in diary.calls if call[0] == "epoch_end"]
    assert [call[1] for call in ends] == [0, 1]
    for epoch, (_, _, logs) in enumerate(ends):
        assert logs == {name: column[epoch] for name, column in history.items()}
    tests = [call[1] for call in diary.calls if call[0] == "test_end"]
    assert [logs["loss"] for logs in tests] == history["val_loss"]
    assert diary.calls[-1][1] == ends[-1][2]
    assert diary.model is model
    assert diary.params == {"verbose": 0, "epochs": 2, "steps": 2}


def test_logs_of_a_batch_are_the_means_of_the_epoch_so_far():
    model, diary = classifier(optimizers.SGD(0.0)), Diary()
    model.fit(X, Y, batch_size=10, shuffle=False, callbacks=diary, verbose=0)
    losses = losses_of(model, X, Y)
    batches = [call[2]["loss"] for call in diary.calls if call[0] == "batch_end"]
    np.testing.assert_allclose(batches, [losses[:n].mean() for n in (10, 20, 30, 37)], rtol=1e-6)


@pytest.mark.parametrize("waited_for", ["nothing", "epochs", "batches"])
def test_callbacks_do_not_change_training(waited_for):
    """fit runs whole trainings, epochs or batches at once, as somebody waits for them; the bits are the same."""
    model, other, seen = classifier("adam"), classifier("adam"), []
    hooks = {
        "nothing": {},
        "epochs": {"on_epoch_end": lambda epoch, logs: seen.append(logs["loss"])},
        "batches": {"on_train_batch_end": lambda batch, logs: seen.append(batch)},
    }[waited_for]
    history = model.fit(
        X, Y, batch_size=8, epochs=4, shuffle=False, callbacks=[callbacks.LambdaCallback(**hooks)], verbose=0
    ).history
    expected = other.fit(X, Y, batch_size=8, epochs=4, shuffle=False, verbose=0).history
    assert history == expected
    assert_same_weights(model, other)
    assert seen == {"nothing": [], "epochs": expected["loss"], "batches": 4 * [0, 1, 2, 3, 4]}[waited_for]


def test_callbacks_may_be_nested_lists():
    diaries = [Diary() for _ in range(3)]
    classifier().fit(X, Y, callbacks=[diaries[0], (diaries[1], [diaries[2]]), None], verbose=0)
    assert all(d.calls == diaries[0].calls and d.calls for d in diaries)


def test_a_callback_may_add_to_the_logs():
    def add(epoch, logs):
        logs["rate"] = 0.5

    history = classifier().fit(X, Y, epochs=2, callbacks=callbacks.LambdaCallback(on_epoch_end=add), verbose=0)
    assert history.history["rate"] == [0.5, 0.5]
    assert list(history.history) == ["accuracy", "loss", "rate"]


def test_a_callback_may_change_rate_and_weights():
    """What it sets is used from the next batch on."""
    model = classifier(optimizers.SGD(0.1))
    freeze = callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: setattr(model.optimizer, "learning_rate", 0.0))
    before = model.get_weights()
    model.fit(X, Y, callbacks=freeze, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])

    def reset(batch, logs):
        model.set_weights(before)

    model.optimizer.learning_rate = 0.1
    model.fit(X, Y, epochs=2, callbacks=callbacks.LambdaCallback(on_train_batch_end=reset), verbose=0)
    for weight, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_stopping_after_an_epoch():
    def stop(epoch, logs):
        model.stop_training = epoch == 1

    model = classifier()
    history = model.fit(X, Y, epochs=9, callbacks=callbacks.LambdaCallback(on_epoch_end=stop), verbose=0)
    assert history.epoch == [0, 1]
    assert model.fit(X, Y, epochs=2, verbose=0).epoch == [0, 1]  # asked anew each time


def test_stopping_in_the_middle_of_an_epoch():
    """That epoch is validated and logged as far as it came."""

    def stop(batch, logs):
        seen.append(logs["loss"])
        model.stop_training = len(seen) == 7

    model, seen, diary = classifier(), [], Diary("batch_begin", "batch_end", "test_begin", "test_end")
    history = model.fit(
        X, Y, batch_size=8, epochs=9, validation_data=(X, Y), verbose=0,
        callbacks=[callbacks.LambdaCallback(on_train_batch_end=stop), diary],
    )  # fmt: skip
    assert history.epoch == [0, 1]
    assert len(history.history["val_loss"]) == 2
    assert history.history["loss"][1] == seen[6]
    assert model.optimizer.iterations == 7
    assert [call[0] for call in diary.calls][-2:] == ["epoch_end", "train_end"]
    model.fit(X, Y, batch_size=8, verbose=0)  # begins with the first sample again
    assert model.optimizer.iterations == 12


@pytest.mark.parametrize(
    "hook",
    ["on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_epoch_end", "on_test_end"],
)
def test_an_error_in_a_callback_comes_out_and_leaves_a_usable_model(hook):
    def fail(*_):
        raise LookupError("mine")

    model = classifier("adam")
    with pytest.raises(LookupError, match="mine"):
        model.fit(X, Y, epochs=3, validation_data=(X, Y), callbacks=callbacks.LambdaCallback(**{hook: fail}), verbose=0)
    assert all(len(column) == len(model.history.epoch) for column in model.history.history.values())
    assert model.optimizer.iterations == {"on_train_batch_end": 1, "on_epoch_end": 2, "on_test_end": 2}.get(hook, 0)
    assert len(model.fit(X, Y, epochs=3, verbose=0).epoch) == 3


# ---------------------------------------------------------------------------------------------------------------------
# EarlyStopping in fit (its rules one by one: test_keras_figures.py).


def test_early_stopping_restores_the_best_weights(capsys):
    model = classifier(optimizers.SGD(30.0))  # so large a rate that the loss jumps about
    weights = []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: weights.append(model.get_weights()))
    early = callbacks.EarlyStopping("loss", patience=3, restore_best_weights=True, verbose=1)
    history = model.fit(X, Y, epochs=50, shuffle=False, callbacks=[keep, early], verbose=0)
    best = int(np.argmin(history.history["loss"]))
    assert early.best_epoch == best
    assert len(history.epoch) == best + 4 < 50
    for weight, expected in zip(model.get_weights(), weights[best], strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert capsys.readouterr().out.splitlines() == [
        f"Epoch {best + 4}: early stopping",
        f"Restoring model weights from the end of the best epoch: {best + 1}.",
    ]


@pytest.mark.parametrize(
    ("monitor", "sign"), [("loss", 1), ("val_loss", 1), ("val_accuracy", -1), ("mine", -1), ("mse", 1)]
)
def test_early_stopping_knows_which_way_is_better(monitor, sign):
    from fastnn import metrics

    if monitor == "mse":
        model = regressor(metrics=["mse"])
        data = (X, X[:, 0])
    else:
        model = classifier(metrics=["accuracy", metrics.SparseCategoricalAccuracy("mine")])
        data = (X, Y)
    values = [5.0, 4.0, 6.0, 3.0]
    early = callbacks.EarlyStopping(monitor, patience=9)
    fake = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update({monitor: values[epoch]}))
    model.fit(*data, epochs=4, validation_data=data, callbacks=[fake, early], verbose=0)
    assert early.best == (min(values) if sign > 0 else max(values))


def test_early_stopping_cannot_guess():
    with pytest.raises(ValueError, match=r'monitors "lr", but fit logs only loss, accuracy, .*mode="min" or "max"'):
        classifier().fit(X, Y, callbacks=callbacks.EarlyStopping("lr"), verbose=0)
    with pytest.raises(ValueError, match='EarlyStopping monitors "val_loss", but fit logs only .*pass validation data'):
        classifier().fit(X, Y, callbacks=callbacks.EarlyStopping(), verbose=0)


def test_the_base_class_can_be_used_as_it_is():
    assert classifier().fit(X, Y, callbacks=fastnn.callbacks.Callback(), verbose=0).epoch == [0]


def test_loss_threshold_stops_after_the_first_epoch_below_it():
    losses = classifier("adam").fit(samples(), labels(), epochs=40, verbose=0, shuffle=False).history["loss"]
    threshold = losses[20] + 1e-9
    first = next(i for i, loss in enumerate(losses) if loss < threshold)
    model, callback = classifier("adam"), callbacks.LossThreshold(threshold)
    history = model.fit(samples(), labels(), epochs=40, verbose=0, shuffle=False, callbacks=[callback])
    assert history.history["loss"] == losses[: first + 1]
    assert callback.reached == first
    never = callbacks.LossThreshold(0)
    assert len(classifier().fit(samples(), labels(), epochs=3, verbose=0, callbacks=[never]).epoch) == 3
    assert never.reached is None


def test_loss_threshold_of_something_that_is_not_logged():
    with pytest.raises(ValueError, match='LossThreshold monitors "val_loss", but fit logs only loss'):
        classifier(metrics=()).fit(
            samples(), labels(), verbose=0, callbacks=[callbacks.LossThreshold(0.1, monitor="val_loss")]
        )
