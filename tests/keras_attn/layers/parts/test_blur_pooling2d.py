import keras
import numpy as np
import pytest
from keras import ops

from keras_attn import backend
from keras_attn.layers.parts.blur_pooling2d import BlurPooling2D
from tests.contracts.devices import to_format

FORMATS = ("channels_last", "channels_first")


def blurred(x):
    """Computes the formula, one pixel at a time."""

    def along(x, axis):
        side = x.shape[axis]
        if side == 1:
            return x
        x = np.moveaxis(x, axis, 0)
        reflected = [1, *range(side), side - 2]
        rows = [
            x[reflected[i]] / 4
            + x[reflected[i + 1]] / 2
            + x[reflected[i + 2]] / 4
            for i in range(0, side, 2)
        ]
        return np.moveaxis(np.stack(rows), 0, axis)

    return along(along(x, 1), 2)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("size", [(6, 7), (1, 2)])
def test_computes_its_formula(data_format, size):
    x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
    layer = BlurPooling2D(data_format=data_format)
    inputs = to_format(x, data_format)
    y = layer(inputs)
    expected = to_format(blurred(x), data_format)
    np.testing.assert_allclose(
        ops.convert_to_numpy(y), expected, rtol=1e-5, atol=1e-6
    )
    assert layer.compute_output_shape(inputs.shape) == expected.shape
    again = BlurPooling2D.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_images_of_any_size():
    inputs = keras.Input((None, None, 3))
    layer = BlurPooling2D(data_format="channels_last")
    model = keras.Model(inputs, layer(inputs))
    assert model.output.shape == (None, None, None, 3)
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype("float32")
    np.testing.assert_allclose(
        model.predict(x, verbose=0), blurred(x), rtol=1e-5, atol=1e-6
    )


def test_gradients_of_a_mean():
    x = np.ones((1, 4, 4, 1), "float32")
    layer = BlurPooling2D(data_format="channels_last")
    _, gradient = backend.value_and_gradient(lambda x: ops.sum(layer(x)), x)
    # By hand: the weights of each row in all sums, with reflected ones.
    weights = [1 / 2, 1 / 4 + 1 / 4 + 1 / 4, 1 / 2, 1 / 4]
    np.testing.assert_allclose(
        ops.convert_to_numpy(gradient)[0, :, :, 0],
        np.outer(weights, weights),
        rtol=1e-5,
    )


@pytest.mark.once
def test_refuses_another_format():
    with pytest.raises(ValueError, match="`data_format` must be"):
        BlurPooling2D(data_format="last")
