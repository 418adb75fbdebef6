import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.layers.parts.projection import Projection


def tokens():
    return np.random.default_rng(0).normal(size=(2, 6, 5)).astype("float32")


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("rectified", [True, False])
def test_matches_the_equation(use_bias, rectified):
    layer = Projection(3, use_bias, rectified)
    x = ops.convert_to_tensor(tokens())
    y = ops.convert_to_numpy(layer(x))
    kernel = ops.convert_to_numpy(layer.kernel)
    expected = np.einsum("cd,bcn->bdn", kernel, tokens())
    if use_bias:
        expected = expected + ops.convert_to_numpy(layer.bias)[:, None]
    # The moving statistics start at 0 and 1.
    expected = expected / np.sqrt(1.0 + 1e-5)
    if rectified:
        expected = np.maximum(expected, 0.0)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    assert layer.compute_output_shape((None, 6, None)) == (None, 3, None)


def test_normalises_over_batch_and_positions():
    layer = Projection(3, rectified=False)
    x = ops.convert_to_tensor(tokens())
    y = ops.convert_to_numpy(layer(x, training=True))
    np.testing.assert_allclose(y.mean((0, 2)), 0.0, atol=1e-5)
    np.testing.assert_allclose(y.std((0, 2)), 1.0, rtol=1e-3)


@pytest.mark.parametrize("policy", ["float16", "mixed_float16"])
def test_stays_in_float32(policy):
    layer = Projection(3, rectified=False, dtype=policy)
    y = layer(ops.convert_to_tensor(1e6 * tokens()))
    assert keras.backend.standardize_dtype(y.dtype) == "float32"
    assert np.isfinite(ops.convert_to_numpy(y)).all()


def test_config_is_complete():
    layer = Projection(3, False, False, "zeros")
    again = Projection.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert isinstance(again.kernel_initializer, keras.initializers.Zeros)
