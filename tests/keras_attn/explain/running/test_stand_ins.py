import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.explain.running import stand_ins, taps


@pytest.fixture
def layer():
    found = keras.layers.Dense(2, name="dense")
    found.build((None, 3))
    return found


X = np.ones((1, 3), "float32")


def assert_same(now, before):
    """Compares by identity: tensors cannot be compared as a whole."""
    assert now.keys() == before.keys()
    assert not [name for name in before if now[name] is not before[name]]


def test_a_layer_never_has_what_its_stand_in_has(layer):
    held = dict(vars(layer))
    seen = []

    def function():
        seen.append(dict(vars(layer)))
        return layer(X)

    found = stand_ins.run(
        function, {layer: [stand_ins.setting(activation=ops.zeros_like)]}
    )
    np.testing.assert_array_equal(ops.convert_to_numpy(found), 0.0)
    for each in (*seen, vars(layer)):
        assert_same(each, held)
    assert ops.any(layer(X) != 0)


class Setting(keras.layers.Layer):
    """Sets attributes in its call, and runs another layer."""

    def __init__(self):
        super().__init__()
        self.inner, self.old = keras.layers.Rescaling(2.0), 1

    def call(self, x):
        self.last, self.old = x, 2
        return self.inner(x)


def test_what_a_call_sets_is_gone():
    layer = Setting()
    layer(X)
    held = dict(vars(layer))
    inner = dict(vars(layer.inner))
    change = stand_ins.around(lambda call, x: call(x) + 1.0)
    found = stand_ins.run(lambda: layer(X), {layer.inner: [change]})
    np.testing.assert_array_equal(ops.convert_to_numpy(found), 3.0)
    assert_same(vars(layer), held)
    assert_same(vars(layer.inner), inner)


def test_nothing_is_left_after_an_exception(layer):
    def fail(call, x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        stand_ins.run(lambda: layer(X), {layer: [stand_ins.around(fail)]})
    assert layer(X).shape == (1, 2)


def test_nested_runs_are_independent(layer):
    def add(number):
        return {layer: [stand_ins.around(lambda call, x: call(x) + number)]}

    def inside():
        first = layer(X)
        second = stand_ins.run(lambda: layer(X), add(10.0))
        return first, second, layer(X)

    plain = ops.convert_to_numpy(layer(X))
    found = stand_ins.run(inside, add(1.0))
    for each, number in zip(found, (1.0, 10.0, 1.0), strict=True):
        each = ops.convert_to_numpy(each)
        np.testing.assert_allclose(each, plain + number, rtol=1e-5)


def test_each_call_is_reported_once_with_its_inputs():
    layer = keras.layers.Dense(2, dtype="bfloat16")
    layer.build((None, 3))
    x = ops.convert_to_tensor(X)
    told = []

    def watch(operation, args, named, outputs):
        told.append((operation, args, outputs))

    found = stand_ins.run(lambda: layer(x), {}, watch)
    ((operation, (given,), outputs),) = told
    # The original input, not the cast one.
    assert operation is layer and given is x and outputs is found


def test_records_the_calls_of_a_layer():
    layer = keras.layers.Rescaling(2.0)
    heard = []

    def after(number, args, named, outputs):
        heard.append((number, len(args), dict(named)))
        return outputs + 1.0

    def both():
        return layer(ops.ones((1,))), layer(ops.zeros((1,)))

    found = stand_ins.run(both, {layer: [taps.listening(after)]})
    assert [float(x[0]) for x in found] == [3.0, 1.0]
    assert heard == [(0, 1, {}), (1, 1, {})]
    assert float(layer(ops.ones((1,)))[0]) == 2.0


def test_records_the_calls_of_a_quantized_layer(layer):
    layer.quantize("int8")
    found = []
    stand_ins.run(lambda: layer(X), {layer: [taps.keeping(0, found)]})
    assert len(found) == 1


def test_the_first_tensor_of_several_is_replaced():
    outputs = (ops.zeros((2,)), {"more": ops.ones((3,))})
    new = taps.with_first(outputs, ops.full((2,), 7.0))
    assert float(taps.first_tensor(new)[0]) == 7.0
    assert float(new[1]["more"][0]) == 1.0
