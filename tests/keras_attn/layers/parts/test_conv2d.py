import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.layers.parts.conv2d import Conv2D


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    "kwargs",
    [
        {"padding": "same", "activation": "relu"},
        {"strides": 2, "use_bias": False},
        {"dilation_rate": 2, "padding": "same"},
        {"groups": 2},
        {"groups": 2, "kernel_size": 1},
    ],
)
def test_matches_keras(data_format, kwargs):
    first = data_format == "channels_first"
    # No output is 6 pixels wide, since Keras adds such a bias along the width.
    shape = (2, 4, 9, 10) if first else (2, 9, 10, 4)
    x = np.random.normal(size=shape).astype("float32")
    # Biases of zero would hide errors.
    added = {"data_format": data_format, "bias_initializer": "random_normal"}
    kwargs = {"kernel_size": 3} | kwargs | added
    ours, keras_own = (
        Conv2D(6, **kwargs),
        keras.layers.Conv2D(6, **kwargs),
    )
    y = ours(x)
    keras_own.build(shape)
    keras_own.set_weights(ours.get_weights())
    assert tuple(y.shape) == ours.compute_output_shape(shape)
    np.testing.assert_allclose(
        ops.convert_to_numpy(y),
        ops.convert_to_numpy(keras_own(x)),
        rtol=1e-4,
        atol=1e-5,
    )


def test_supports_low_rank_adaptation():
    layer = Conv2D(6, 3)
    x = np.ones((1, 5, 5, 2), "float32")
    before = ops.convert_to_numpy(layer(x))
    layer.enable_lora(1)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), before)
    layer.lora_kernel_b.assign(np.ones(layer.lora_kernel_b.shape))
    assert np.abs(ops.convert_to_numpy(layer(x)) - before).max() > 1e-3


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_pads_with_pixels(data_format):
    first = data_format == "channels_first"
    shape = (2, 4, 10, 8) if first else (2, 10, 8, 4)
    x = np.random.normal(size=shape).astype("float32")
    layer = Conv2D(6, 3, 2, padding=1, data_format=data_format)
    y = layer(x)
    assert tuple(y.shape) == layer.compute_output_shape(shape)
    around = keras.layers.ZeroPadding2D(1, data_format=data_format)
    valid = keras.layers.Conv2D(6, 3, 2, data_format=data_format)
    valid.build(shape)
    valid.set_weights(layer.get_weights())
    np.testing.assert_allclose(
        ops.convert_to_numpy(y),
        ops.convert_to_numpy(valid(around(x))),
        rtol=1e-4,
        atol=1e-5,
    )
    again = Conv2D.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert again.compute_output_shape(shape) == tuple(y.shape)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("use_bias", [True, False])
def test_patches_are_a_convolution(data_format, use_bias):
    """Disjoint windows that do not fill the image."""
    first = data_format == "channels_first"
    shape = (2, 3, 14, 17) if first else (2, 14, 17, 3)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    kwargs = {"data_format": data_format, "use_bias": use_bias}
    layer = Conv2D(6, (4, 5), (4, 5), **kwargs)
    y = layer(x)
    assert tuple(y.shape) == layer.compute_output_shape(shape)
    # Window by window, in NumPy.
    kernel, *bias = layer.get_weights()
    images = x.transpose(0, 2, 3, 1) if first else x
    expected = np.zeros((2, 3, 3, 6))
    for i in range(3):
        for j in range(3):
            piece = images[:, 4 * i : 4 * i + 4, 5 * j : 5 * j + 5]
            expected[:, i, j] = np.einsum("bijc,ijcd->bd", piece, kernel)
    expected = expected + sum(bias)
    if first:
        expected = expected.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(ops.convert_to_numpy(y), expected, atol=1e-5)


def test_patches_of_an_unknown_size():
    inputs = keras.Input((None, None, 3))
    layer = Conv2D(6, 4, 4, data_format="channels_last")
    model = keras.Model(inputs, layer(inputs))
    x = np.random.default_rng(0).normal(size=(1, 9, 12, 3)).astype("float32")
    found = model.predict(x, verbose=0)
    assert found.shape == (1, 2, 3, 6)
    expected = ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(found, expected, atol=1e-5)
