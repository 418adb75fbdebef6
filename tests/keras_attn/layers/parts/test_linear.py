import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.layers.parts.linear import add_linear, linear


@pytest.mark.parametrize("use_bias", [True, False])
def test_is_a_linear_map(use_bias):
    layer = keras.layers.Layer(dtype="mixed_bfloat16")
    add_linear(layer, "gate", 3, 2, use_bias=use_bias)
    kernel, *bias = map(ops.convert_to_numpy, layer.weights)
    assert len(bias) == use_bias
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    y = ops.convert_to_numpy(linear(layer, "gate", ops.convert_to_tensor(x)))
    assert y.dtype == "float32"
    expected = x @ kernel + (bias[0] if use_bias else 0.0)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


def test_starts_as_in_pytorch_or_with_an_initializer():
    layer = keras.layers.Layer()
    add_linear(layer, "first", 400, 50)
    add_linear(layer, "second", 400, 50, "zeros")
    first = ops.convert_to_numpy(layer.first_kernel)
    assert 0.045 < np.abs(first).max() <= 0.05
    assert not np.any(ops.convert_to_numpy(layer.second_kernel))
    assert not np.any(ops.convert_to_numpy(layer.second_bias))
