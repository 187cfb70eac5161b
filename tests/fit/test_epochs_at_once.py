"""Callbacks that are called for several epochs at once, late."""

import numpy as np
import pytest

import fastnn
from fastnn import callbacks
from fastnn.engine.program import Program

from ..small_models import assert_same_weights, classifier, labels, samples

X, Y = samples(), labels()


class Late(callbacks.Callback):
    """Notes what it is called for, and how many epochs were trained then."""

    def __init__(self, most=4, stop=None):
        super().__init__()
        self.most, self.stop, self.calls = most, stop, []

    def epochs_at_once(self):
        return self.most

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(("begin", epoch, self.model.optimizer.iterations))

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(("end", epoch, self.model.optimizer.iterations))
        logs["twice"] = 2 * logs["loss"]
        if epoch == self.stop:
            self.model.stop_training = True


def fit(*given, epochs=10, **options):
    model = classifier("adam")
    history = model.fit(X, Y, batch_size=len(X), epochs=epochs, shuffle=False, verbose=0, callbacks=[*given], **options)
    return model, history


def test_hooks_come_in_order_and_late():
    late = Late()
    model, history = fit(late)
    ends = [4] * 4 + [8] * 4 + [10] * 2
    assert late.calls == [(what, epoch, end) for epoch, end in enumerate(ends) for what in ("begin", "end")]
    plain, expected = fit()
    assert history.history["loss"] == expected.history["loss"]
    assert history.history["accuracy"] == expected.history["accuracy"]
    assert history.history["twice"] == [2 * loss for loss in expected.history["loss"]]
    assert history.epoch == [*range(10)]
    assert_same_weights(model, plain)


def test_the_least_of_all_that_have_hooks_counts():
    late, other = Late(6), Late(3)
    fit(late, other, callbacks.TerminateOnNaN())  # which has no hook of epochs
    assert [trained for what, _, trained in late.calls if what == "end"] == [3] * 3 + [6] * 3 + [9] * 3 + [10]
    for extra in (
        callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
        callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None),
    ):
        late = Late()
        fit(late, extra)
        assert [trained for what, _, trained in late.calls if what == "end"] == [*range(1, 11)]
    late = Late()
    _, history = fit(late, validation_data=(X, Y))
    assert [trained for what, _, trained in late.calls if what == "begin"] == [*range(10)]
    assert len(history.history["val_loss"]) == 10


def test_stopping_counts_after_the_last_of_them():
    late = Late(stop=1)
    model, history = fit(late)
    assert history.epoch == [*range(4)]
    assert [epoch for what, epoch, _ in late.calls if what == "end"] == [*range(4)]
    assert model.optimizer.iterations == 4


@pytest.mark.parametrize("most", [0, -1, 2.5])
def test_a_wrong_number(most):
    with pytest.raises((TypeError, ValueError), match="epochs_at_once must be"):
        fit(Late(most))


def test_an_error_in_a_late_hook_loses_no_epoch():
    class Fails(Late):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            if epoch == 5:
                raise KeyboardInterrupt

    model = classifier("adam")
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=len(X), epochs=10, verbose=0, callbacks=Fails())
    assert model.optimizer.iterations == 8
    assert model.history.epoch == [*range(8)]
    assert len(model.history.history["loss"]) == 8
    assert len(model.history.history["twice"]) == 6


def test_training_that_stops_within_an_epoch():
    late = Late()
    model = classifier(fastnn.optimizers.SGD(1e30))
    with pytest.warns(RuntimeWarning):
        model.fit(X, Y, batch_size=8, epochs=9, verbose=0, callbacks=[late, callbacks.TerminateOnNaN()])
    assert len(model.history.epoch) == len(late.calls) // 2 == 1


class _Curve:
    """A stand-in for a model whose losses are given."""

    metrics = ()

    def __init__(self):
        self.stop_training = False


def stopped_at(losses, stop, together):
    """After how many epochs training ends, if the callback is asked how many may be trained at once, or not."""
    model, epoch, spans = _Curve(), 0, []
    stop.set_model(model)
    stop.on_train_begin()
    while epoch < len(losses) and not model.stop_training:
        span = min(stop.epochs_at_once() if together else 1, len(losses) - epoch)
        spans.append(span)
        for number in range(epoch, epoch + span):
            stop.on_epoch_end(number, {"loss": losses[number]})
        epoch += span
    return (epoch, stop.stopped_epoch, stop.best_epoch, stop.best), spans


def test_early_stopping_ends_where_it_would_epoch_by_epoch(rng):
    longest = 0
    for _ in range(3000):
        losses = (rng.integers(5, size=30) + rng.integers(2) * np.arange(30) / -8).tolist()
        options = {
            "patience": int(rng.integers(8)),
            "min_delta": float(rng.choice([0, 0.5])),
            "baseline": [None, 2.0, 0.0][rng.integers(3)],
            "start_from_epoch": int(rng.integers(5)),
        }
        got, spans = stopped_at(losses, callbacks.EarlyStopping("loss", **options), True)
        expected, _ = stopped_at(losses, callbacks.EarlyStopping("loss", **options), False)
        assert got == expected, (losses, options)
        longest = max(longest, *spans)
    assert longest == 7


def test_early_stopping_in_fit(monkeypatch):
    runs = []
    run = Program.run
    monkeypatch.setattr(Program, "run", lambda *args, **kwargs: (runs.append(1), run(*args, **kwargs)))
    model = classifier(fastnn.optimizers.SGD(0.0))
    model.fit(X, Y, epochs=100, verbose=0, callbacks=callbacks.EarlyStopping("loss", patience=40))
    assert len(model.history.epoch) == 41
    assert len(runs) < 20  # a slow machine may come back to Python in between


def test_who_needs_the_weights_of_each_epoch():
    class Own(callbacks.EarlyStopping):
        pass

    for stop in (callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True), Own("loss", patience=9)):
        stop.best, stop.wait = 1.0, 0
        assert stop.epochs_at_once() == 1
