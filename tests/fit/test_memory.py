"""The memory of weights: freed with the last reference, and shared by all models that share a layer."""

import copy
import gc
import itertools
import pickle
import threading
import time
import weakref

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.kernels.jit import JIT_ENABLED

from ..limits import Own
from ..small_models import FEATURES, assert_same_weights, dense, labels, samples

X, Y = samples(), labels()


@pytest.fixture
def no_collector():
    """Without the garbage collector: only reference counts free memory. The compiler needs it, so it has run before."""
    use(classifier())
    use(classifier(Own()))
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def classifier(*first):
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), *first, dense(6, "tanh", 1), dense(3, "softmax", 2)])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def use(model):
    """Call everything that creates programs and buffers."""
    model.fit(X, Y, epochs=2, verbose=0, validation_split=0.2)
    model.fit(X, Y, verbose=0, callbacks=[fastnn.callbacks.EarlyStopping("loss", restore_best_weights=True)])
    model.predict(X)
    model(X[:1])
    model.evaluate(X, Y, verbose=0)
    model.train_on_batch(X, Y)
    model.backward(np.zeros_like(model.forward(X)))


@pytest.mark.parametrize("first", [(), (Own,)], ids=["compiled", "layer by layer"])
def test_a_model_is_freed_with_its_last_reference(first, no_collector):
    model = classifier(*(make() for make in first))
    use(model)
    optimizer, history = weakref.ref(model.optimizer), model.history
    watched = [weakref.ref(thing) for thing in (model, *model.parameters)]
    del model
    assert [thing() for thing in watched] == [None] * len(watched)
    assert optimizer() is None
    assert history.model is None
    assert history.history["loss"]


def test_a_popped_layer_is_freed_with_its_slots(no_collector):
    model = classifier()
    use(model)
    watched = [weakref.ref(p) for p in model.layers[-1].parameters]
    slots = [weakref.ref(array) for array in model.optimizer.slot_arrays(model.layers[-1].parameters)]
    model.pop()
    assert [thing() for thing in (*watched, *slots)] == [None] * 4
    model.add(dense(3, "softmax", 3))
    use(model)


def test_many_heads_on_a_frozen_base_take_no_more_memory_or_time_than_the_first(no_collector):
    """Transfer learning."""
    base = layers.Dense(40, "relu", name="base")
    base.trainable = False
    sizes, seconds, heads = [], [], []
    kernel = None
    for _ in range(200 if JIT_ENABLED else 20):
        began = time.perf_counter()
        model = fastnn.Sequential([fastnn.Input((FEATURES,)), base, layers.Dense(3, "softmax", name="head")])
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(X, Y, verbose=0, batch_size=len(X))
        seconds.append(time.perf_counter() - began)
        sizes.append(len(pickle.dumps(model)))
        kernel = base.get_weights()[0] if kernel is None else kernel
        heads.append(weakref.ref(model.layers[-1].parameters[0]))
    assert [head() is None for head in heads] == [True] * (len(heads) - 1) + [False]
    assert max(sizes) - min(sizes) < 200  # names and floats take a few bytes more or less
    assert np.median(seconds[-9:]) < 4 * np.median(seconds[1:10])  # 4 times when models shared storage
    np.testing.assert_array_equal(base.get_weights()[0], kernel)


def test_an_encoder_is_the_same_memory_as_its_autoencoder():
    model = fastnn.Sequential([fastnn.Input((FEATURES,)), dense(3, "tanh", 1), dense(FEATURES, None, 2)])
    model.compile("adam", "mse")
    encoder = fastnn.Sequential([fastnn.Input((FEATURES,)), *model.layers[:1]])
    encoder.predict(X)
    assert np.shares_memory(encoder.weights[0], model.weights[0])
    codes = []
    seen = fastnn.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: codes.append(encoder.predict(X)))
    model.fit(X, X, epochs=3, verbose=0, callbacks=[seen])
    assert all((a != b).any() for a, b in itertools.pairwise(codes))
    np.testing.assert_array_equal(codes[-1], model.layers[0].forward(X))
    del model
    np.testing.assert_array_equal(encoder.predict(X), codes[-1])


def test_training_is_not_disturbed_by_another_thread_that_builds_on_its_layers():
    def trained(meanwhile):
        model = classifier()
        ended = threading.Event()
        other = threading.Thread(target=meanwhile, args=(model, ended))
        other.start()
        model.fit(X, Y, epochs=300, shuffle=False, verbose=0)
        ended.set()
        other.join()
        return model

    def build_heads(model, ended):
        while not ended.is_set():
            head = fastnn.Sequential([fastnn.Input((FEATURES,)), *model.layers[:1], layers.Dense(2)])
            head.predict(X[:3])

    assert_same_weights(trained(build_heads), trained(lambda model, ended: None))


def seconds(make, count):
    best = np.inf
    for _ in range(3):
        began = time.perf_counter()
        make(count)
        best = min(best, time.perf_counter() - began)
    return best


def test_building_many_layers_takes_linear_time():
    def build(count):
        return fastnn.Sequential([fastnn.Input((8,)), *(layers.Dense(8) for _ in range(count))])

    assert seconds(build, 400) < 8 * seconds(build, 100)  # 16 times if each new layer moved all others


def test_loading_many_layers_takes_linear_time(tmp_path):
    for count in (500, 4000):
        fastnn.Sequential([fastnn.Input((8,)), *(layers.ReLU() for _ in range(count))]).save(tmp_path / f"{count}.st")

    def load(count):
        return fastnn.saving.load_model(tmp_path / f"{count}.st")

    assert seconds(load, 4000) < 25 * seconds(load, 500)  # 64 times if each layer is compared with all others


def test_the_list_of_layers_is_a_copy():
    """Editing a live one led to wrong answers and crashes."""
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(600), layers.Dense(10), layers.Dense(2)])
    x = np.ones((64, 4), np.float32)
    before = model.predict(x)
    edited = model.layers
    del edited[1]
    edited.append(layers.Dense(5))
    model.layers.pop()
    assert len(model.layers) == 3
    np.testing.assert_array_equal(model.predict(x), before)
    model.pop()
    assert model.predict(x).shape == (64, 10)


def test_a_copy_has_memory_of_its_own():
    model = classifier()
    use(model)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert not any(np.shares_memory(a, b) for a, b in zip(model.weights, other.weights, strict=True))
        for p, q in zip(model.parameters, other.parameters, strict=True):
            for slot, expected in zip(other.optimizer.slots_of(q), model.optimizer.slots_of(p), strict=True):
                np.testing.assert_array_equal(slot, expected)
            assert q.flat.ctypes.data % 64 == 0
