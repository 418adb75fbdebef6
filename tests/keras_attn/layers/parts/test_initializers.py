import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.layers.parts.initializers import FanInUniform


@pytest.mark.parametrize("fan_in", [1, 9, 256])
def test_draws_uniformly_within_the_root_of_the_fan_in(fan_in):
    values = ops.convert_to_numpy(FanInUniform(fan_in)((10000,)))
    limit = fan_in**-0.5
    assert np.abs(values).max() <= limit
    # The standard deviation is limit / sqrt(3), which 10,000 draws estimate to
    # 1 %.
    np.testing.assert_allclose(values.std(), limit / 3**0.5, rtol=0.03)


def test_two_initializers_draw_different_numbers():
    a, b = (ops.convert_to_numpy(FanInUniform(4)((5,))) for _ in range(2))
    assert not np.array_equal(a, b)


def test_a_seed_draws_the_same_numbers_on_each_backend():
    # The numbers of NumPy 2.4's default generator with seed 3.
    values = ops.convert_to_numpy(FanInUniform(1, seed=3)((2,)))
    expected = 2 * np.random.default_rng(3).random(2) - 1
    np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_follows_the_seed_of_keras():
    draws = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        draws.append(ops.convert_to_numpy(FanInUniform(4)((5,))))
    np.testing.assert_array_equal(*draws)


def test_round_trips_its_configuration():
    config = FanInUniform(9, seed=1).get_config()
    assert config == {"fan_in": 9, "seed": 1}
    again = keras.initializers.deserialize(
        keras.initializers.serialize(FanInUniform(9, seed=1))
    )
    assert again.get_config() == config


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_returns_the_requested_dtype(dtype):
    values = FanInUniform(9)((2, 3), dtype)
    assert keras.backend.standardize_dtype(values.dtype) == dtype
