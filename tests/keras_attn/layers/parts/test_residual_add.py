import keras
import numpy as np
from keras import ops

from keras_attn import backend
from keras_attn.layers.parts.residual_add import ResidualAdd


def pair():
    return np.random.default_rng(0).normal(size=(2, 3, 4, 5, 6))


def test_adds_and_rectifies():
    x, y = pair()
    result = ops.convert_to_numpy(ResidualAdd()([x, y]))
    np.testing.assert_allclose(result, np.maximum(x + y, 0), rtol=1e-5)


def test_another_activation():
    x, y = pair()
    layer = ResidualAdd("tanh")
    result = ops.convert_to_numpy(layer([x, y]))
    np.testing.assert_allclose(result, np.tanh(x + y), rtol=1e-4, atol=1e-6)
    again = ResidualAdd.from_config(layer.get_config())
    assert again.activation is keras.activations.tanh


def test_does_not_change_its_inputs():
    x, y = pair()
    tensors = [ops.convert_to_tensor(a, "float32") for a in (x, y)]
    ResidualAdd()(tensors)
    for tensor, array in zip(tensors, (x, y), strict=True):
        np.testing.assert_array_equal(
            ops.convert_to_numpy(tensor), array.astype("float32")
        )


def test_gradients():
    x, y = pair()
    layer = ResidualAdd()
    _, gradients = backend.value_and_gradient(
        lambda inputs: ops.sum(layer(inputs)),
        [x.astype("float32"), y.astype("float32")],
    )
    for gradient in gradients:
        np.testing.assert_array_equal(
            ops.convert_to_numpy(gradient), (x + y > 0).astype("float32")
        )


def test_keeps_the_dtype():
    layer = ResidualAdd(dtype="mixed_float16")
    inputs = [keras.Input((4, 4, 2))] * 2
    model = keras.Model(inputs[0], layer(inputs))
    assert model.output.dtype == "float16"
    assert model.output.shape == (None, 4, 4, 2)
