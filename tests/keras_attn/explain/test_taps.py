import keras
import pytest
from keras import ops

from keras_attn.explain import taps


def test_attributes_are_lent_and_given_back():
    layer = keras.layers.Dense(2, name="dense")
    layer.build((None, 3))
    held = dict(vars(layer))
    with taps.borrowed([layer], {layer: {"name": "lent", "more": 1}}):
        assert (layer.name, layer.more) == ("lent", 1)
        layer.another = 2
        layer.activation = None
    assert vars(layer) == held
    assert not hasattr(layer, "more")


def test_attributes_are_given_back_after_an_exception():
    layer = keras.layers.Dense(2, name="dense")
    with pytest.raises(KeyError):
        with taps.borrowed([layer], {layer: {"name": "lent"}}):
            raise KeyError
    assert layer.name == "dense"


def test_what_was_taken_away_is_back():
    layer = keras.layers.ReLU()
    layer.mine = 3
    with taps.borrowed([layer], {}):
        del layer.mine
    assert layer.mine == 3


def test_a_layer_that_lends_its_call_tells_of_each_call():
    layer = keras.layers.Rescaling(2.0)
    heard = []

    def after(number, args, named, outputs):
        heard.append((number, len(args), dict(named)))
        return outputs + 1.0

    with taps.borrowed([layer], {layer: taps.listening(layer, after)}):
        first, second = layer(ops.ones((1,))), layer(ops.zeros((1,)))
    assert (float(first[0]), float(second[0])) == (3.0, 1.0)
    assert heard == [(0, 1, {}), (1, 1, {})]
    assert float(layer(ops.ones((1,)))[0]) == 2.0


def test_a_quantized_layer_is_heard():
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    layer.quantize("int8")
    heard = []

    def after(number, args, named, outputs):
        heard.append(number)
        return outputs

    with taps.borrowed([layer], {layer: taps.listening(layer, after)}):
        layer(ops.ones((1, 3)))
    assert heard == [0]


def test_the_first_tensor_of_several_is_replaced():
    outputs = (ops.zeros((2,)), {"more": ops.ones((3,))})
    new = taps.with_first(outputs, ops.full((2,), 7.0))
    assert float(taps.first_tensor(new)[0]) == 7.0
    assert float(new[1]["more"][0]) == 1.0
