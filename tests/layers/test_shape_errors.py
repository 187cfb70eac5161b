"""A layer that cannot take its input says so, and the model tells how the shapes came about."""

import numpy as np
import pytest

import fastnn
from fastnn import layers


class Picky(layers.Layer):
    """Takes three features."""

    def compute_output_shape(self, input_shape):
        if input_shape[-1] != 3:
            raise ValueError(f"layer {self.name} (Picky) expects 3 features, received {input_shape}")
        return input_shape


class WithAModel(layers.Layer):
    """Has a model inside."""

    def build(self, input_shape):
        self.inside = fastnn.Sequential(
            [fastnn.Input(input_shape[1:]), layers.Dense(4, name="hidden"), Picky(name="in")]
        )


CHAIN = "; the shapes so far: Input (2, 3, 4) -> flat (24) -> small (2)"


def stack():
    return [layers.Flatten(name="flat"), layers.Dense(2, name="small"), Picky(name="picky")]


def refused(call):
    with pytest.raises(ValueError, match="received") as caught:
        call()
    assert type(caught.value) is ValueError
    return str(caught.value)


def test_added_one_by_one():
    message = refused(lambda: fastnn.Sequential([fastnn.Input((2, 3, 4)), *stack()]))
    assert message == f"layer picky (Picky) expects 3 features, received (None, 2){CHAIN}"
    model = fastnn.Sequential([fastnn.Input((2, 3, 4)), *stack()[:2]])
    assert refused(lambda: model.add(Picky(name="picky"))) == message
    assert [layer.name for layer in model.layers] == ["flat", "small"]


def test_built_for_a_shape_or_for_data():
    x, y = np.zeros((5, 2, 3, 4)), np.zeros((5, 2))
    message = f"layer picky (Picky) expects 3 features, received (None, 2){CHAIN}"
    for call in (
        lambda model: model.build((None, 2, 3, 4)),
        lambda model: model.fit(x, y, verbose=0),
        lambda model: model.evaluate(x, y, verbose=0),
        lambda model: model.predict(x),
        lambda model: model.forward(x),
    ):
        model = fastnn.Sequential(stack())
        model.compile("sgd", "mse")
        for _ in range(2):  # the second time nothing is left of the first
            assert refused(lambda model=model, call=call: call(model)) == message
        assert not model.built


def test_the_first_layer():
    message = refused(lambda: fastnn.Sequential([fastnn.Input((2, 5)), layers.Dense(2)]))
    assert message.endswith("put a Flatten layer before it; the shapes so far: Input (2, 5)")


def test_a_layer_of_another_model():
    shared = layers.Dense(2, name="shared")
    fastnn.Sequential([fastnn.Input((3,)), shared])
    message = refused(lambda: fastnn.Sequential([fastnn.Input((5,)), shared]))
    assert message == (
        "layer shared was built for input shape (None, 3), received (None, 5); the shapes so far: Input (5)"
    )


def test_a_model_inside_a_layer_tells_its_own():
    message = refused(lambda: fastnn.Sequential([fastnn.Input((7,)), layers.Dense(6, name="out"), WithAModel()]))
    assert message == (
        "layer in (Picky) expects 3 features, received (None, 4); the shapes so far: Input (6) -> hidden (4)"
    )
