import keras
import numpy as np
import pytest
from keras import ops

from keras_attn import backend
from keras_attn.layers.parts.conv2d_norm_activation import Conv2DNormActivation
from tests.marks import once_but_first

FORMATS = ("channels_last", "channels_first")


def randomized(data_format, **kwargs):
    """Returns a block with non-trivial moving statistics, and its input."""
    first = data_format == "channels_first"
    random = np.random.default_rng(0)
    shape = (4, 3, 8, 7) if first else (4, 8, 7, 3)
    layer = Conv2DNormActivation(6, 3, data_format=data_format, **kwargs)
    layer.build(shape)
    layer.set_weights(
        [random.uniform(0.5, 1.5, w.shape) for w in layer.weights]
    )
    return layer, random.normal(size=shape).astype("float32")


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("use_bias", once_but_first([True, False]))
@pytest.mark.parametrize("strides", once_but_first([1, 2]))
def test_matches_three_keras_layers(data_format, use_bias, strides):
    layer, x = randomized(data_format, use_bias=use_bias, strides=strides)
    plain = keras.Sequential(
        [
            keras.layers.Conv2D(
                6,
                3,
                strides,
                "same",
                data_format,
                use_bias=use_bias,
            ),
            keras.layers.BatchNormalization(
                axis=layer.channel_axis, momentum=0.9, epsilon=1e-5
            ),
            keras.layers.ReLU(),
        ]
    )
    plain.build(x.shape)
    plain.set_weights(layer.get_weights())
    for training in (False, True, False):
        np.testing.assert_allclose(
            ops.convert_to_numpy(layer(x, training=training)),
            ops.convert_to_numpy(plain(x, training=training)),
            rtol=1e-4,
            atol=1e-5,
        )
    # The training call updated the statistics of both in the same way.
    for ours, theirs in zip(layer.weights, plain.weights, strict=True):
        np.testing.assert_allclose(
            ops.convert_to_numpy(ours.value),
            ops.convert_to_numpy(theirs.value),
            rtol=1e-5,
            atol=1e-6,
        )


@pytest.mark.parametrize("filters", once_but_first([6, 64]))
def test_group_normalization(filters):
    x = np.random.default_rng(0).normal(size=(2, 5, 6, 4)).astype("float32")
    layer = Conv2DNormActivation(
        filters,
        3,
        data_format="channels_last",
        groups=2,
        normalization="group",
    )
    layer.build(x.shape)
    layer.set_weights(
        [np.random.default_rng(1).normal(size=w.shape) for w in layer.weights]
    )
    kernel, bias, gamma, beta = map(ops.convert_to_numpy, layer.weights)
    maps = ops.concatenate(
        [
            ops.conv(x[..., :2], kernel[..., : filters // 2], 1, "same"),
            ops.conv(x[..., 2:], kernel[..., filters // 2 :], 1, "same"),
        ],
        axis=-1,
    )
    maps = ops.convert_to_numpy(maps) + bias
    # 2 is the largest power of 2 that divides 6.
    count = 2 if filters == 6 else 32
    split = maps.reshape(2, 30, count, -1)
    mean = split.mean((1, 3), keepdims=True)
    deviation = np.sqrt(split.var((1, 3), keepdims=True) + 1e-5)
    expected = ((split - mean) / deviation).reshape(maps.shape) * gamma + beta
    for training in (False, True):
        y = ops.convert_to_numpy(layer(x, training=training))
        np.testing.assert_allclose(
            y, np.maximum(expected, 0), rtol=1e-4, atol=1e-4
        )


def test_training_does_not_change_a_frozen_normalization():
    layer, x = randomized("channels_last")
    layer.normalization.trainable = False
    before = layer.get_weights()
    frozen = ops.convert_to_numpy(layer(x, training=True))
    np.testing.assert_array_equal(
        frozen, ops.convert_to_numpy(layer(x, training=False))
    )
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_gradients_flow_through_the_folded_normalization():
    layer, x = randomized("channels_last", activation=None)
    variables = layer.trainable_variables

    def function(values):
        state = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=state):
            return ops.sum(layer(x, training=False))

    _, gradients = backend.value_and_gradient(
        function, [v.value for v in variables]
    )
    gradients = {
        v.path.split("/")[-1]: ops.convert_to_numpy(g)
        for v, g in zip(variables, gradients, strict=True)
    }
    # By hand: beta is added at each of 4 * 8 * 7 positions, and so is the bias,
    # scaled by gamma / sqrt(variance + epsilon).
    norm = layer.normalization
    scale = ops.convert_to_numpy(norm.gamma.value) / np.sqrt(
        ops.convert_to_numpy(norm.moving_variance.value) + 1e-5
    )
    np.testing.assert_allclose(gradients["beta"], 224.0, rtol=1e-5)
    np.testing.assert_allclose(gradients["bias"], 224.0 * scale, rtol=1e-4)
    assert np.abs(gradients["kernel"]).min() > 0


def test_round_trips_its_configuration():
    layer = Conv2DNormActivation(
        6,
        (3, 5),
        strides=2,
        padding="valid",
        activation=None,
        use_bias=False,
        groups=3,
        normalization="group",
    )
    config = layer.get_config()
    again = Conv2DNormActivation.from_config(config)
    assert again.get_config() == config
    assert (config["kernel_size"], config["use_bias"]) == ((3, 5), False)


@pytest.mark.once
def test_refuses_another_normalization():
    with pytest.raises(ValueError, match="`normalization` must be"):
        Conv2DNormActivation(2, 3, normalization="layer")


def test_requires_a_known_number_of_channels():
    with pytest.raises(ValueError, match="static number of channels"):
        Conv2DNormActivation(2, 3, data_format="channels_last")(
            keras.Input((8, 8, None))
        )
