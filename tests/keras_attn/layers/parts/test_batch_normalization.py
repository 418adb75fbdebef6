import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.layers.parts.batch_normalization import BatchNormalization


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"axis": 1},
        {"momentum": 0.5, "epsilon": 0.1},
        {"center": False, "scale": False},
        {"renorm": True},
    ],
)
def test_matches_keras_in_each_mode(kwargs):
    random = np.random.default_rng(0)
    x = random.normal(2.0, 3.0, (8, 4, 4, 4)).astype("float32")
    ours, keras_own = (
        kind(**kwargs)
        for kind in (BatchNormalization, keras.layers.BatchNormalization)
    )
    for layer in (ours, keras_own):
        layer.build(x.shape)
    for training in (True, True, False):
        np.testing.assert_allclose(
            ops.convert_to_numpy(ours(x, training=training)),
            ops.convert_to_numpy(keras_own(x, training=training)),
            rtol=1e-4,
            atol=1e-5,
        )
    for mine, theirs in zip(ours.weights, keras_own.weights, strict=True):
        np.testing.assert_allclose(
            ops.convert_to_numpy(mine.value),
            ops.convert_to_numpy(theirs.value),
            rtol=1e-5,
            atol=1e-5,
        )


def test_excludes_masked_positions_from_the_statistics():
    x = np.array([[[1.0, 5.0], [3.0, 5.0], [100.0, 0.0]]], "float32")
    layer = BatchNormalization(momentum=0.0)
    layer(x, training=True, mask=np.array([[True, True, False]]))
    mean = ops.convert_to_numpy(layer.moving_mean.value)
    np.testing.assert_allclose(mean, [2.0, 5.0], rtol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_computes_its_statistics_in_float32(policy):
    x = np.full((2, 8, 8, 1), 300.0)  # Their squares overflow float16.
    x[1] = 100.0
    layer = BatchNormalization(momentum=0.0, dtype=policy)
    y = layer(x, training=True)
    assert keras.backend.standardize_dtype(y.dtype) == policy[6:]
    variance = ops.convert_to_numpy(layer.moving_variance.value)
    np.testing.assert_allclose(variance, [10000.0], rtol=1e-5)
