import numpy as np
import pytest
from keras import ops

from keras_attn.layers.initializers import fan_in_uniform


@pytest.mark.parametrize("fan_in", [1, 9, 256])
def test_draws_uniformly_within_the_root_of_the_fan_in(fan_in):
    values = ops.convert_to_numpy(fan_in_uniform(fan_in)((10000,)))
    limit = fan_in**-0.5
    assert np.abs(values).max() <= limit
    # A uniform's standard deviation is limit / sqrt(3); 10,000 draws know it
    # to 1 %.
    np.testing.assert_allclose(values.std(), limit / 3**0.5, rtol=0.03)


def test_each_call_makes_another_initializer():
    a, b = (ops.convert_to_numpy(fan_in_uniform(4)((5,))) for _ in range(2))
    assert not np.array_equal(a, b)
