import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.layers.max_pooling2d import MaxPooling2D


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("pool_size", "strides"), [(2, None), (3, 2), ((2, 3), (1, 2))]
)
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_is_keras_layer(data_format, pool_size, strides, padding):
    x = np.random.normal(-5.0, 1.0, (2, 7, 8, 9)).astype("float32")
    arguments = (pool_size, strides, padding, data_format)
    y = MaxPooling2D(*arguments)(x)
    expected = keras.layers.MaxPooling2D(*arguments)(x)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(y), ops.convert_to_numpy(expected)
    )
