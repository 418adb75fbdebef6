import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.layers.parts.max_pooling2d import MaxPooling2D


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("pool_size", "strides"), [(2, None), (3, 2), ((2, 3), (1, 2))]
)
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_matches_keras(data_format, pool_size, strides, padding):
    x = np.random.normal(-5.0, 1.0, (2, 7, 8, 9)).astype("float32")
    arguments = (pool_size, strides, padding, data_format)
    y = MaxPooling2D(*arguments)(x)
    expected = keras.layers.MaxPooling2D(*arguments)(x)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(y), ops.convert_to_numpy(expected)
    )


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_pads_with_pixels_that_are_never_the_maximum(data_format):
    first = data_format == "channels_first"
    shape = (2, 3, 8, 7) if first else (2, 8, 7, 3)
    x = np.random.normal(-5.0, 1.0, shape).astype("float32")
    layer = MaxPooling2D(3, 2, padding=1, data_format=data_format)
    y = layer(x)
    assert tuple(y.shape) == layer.compute_output_shape(shape)
    sides = ((1, 1), (1, 1))
    widths = ((0, 0), (0, 0), *sides) if first else ((0, 0), *sides, (0, 0))
    x = np.pad(x, widths, constant_values=-100.0)
    expected = keras.layers.MaxPooling2D(3, 2, data_format=data_format)(x)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(y), ops.convert_to_numpy(expected)
    )
    again = MaxPooling2D.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
