import numpy as np
import pytest
from keras import ops

from keras_attn.ops.dct import basis, waves


def test_the_basis_is_orthonormal():
    vectors = np.stack([basis(f, 7) for f in range(7)])
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(7), atol=1e-12)
    np.testing.assert_allclose(basis(0, 4), 0.5)


def test_waves_of_the_size_of_the_transform_are_the_basis():
    expected = np.stack([basis(f, 14) for f in (0, 12, 4)], axis=1)
    np.testing.assert_allclose(
        waves((0, 12, 4), 14, 14, 1), expected, atol=1e-7
    )


@pytest.mark.parametrize("side", [1, 5, 7, 10, 28])
def test_waves_of_another_size_pool_first(side):
    x = np.random.default_rng(0).normal(size=side)
    pooled = [
        x[i * side // 7 : -(-(i + 1) * side // 7)].mean() for i in range(7)
    ]
    expected = [np.dot(pooled, basis(f, 7)) for f in (0, 6, 3)]
    found = x @ waves((0, 6, 3), 7, side, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_waves_of_a_size_only_known_at_run_time():
    known = waves((0, 2), 7, 9, 3)
    learned = waves((0, 2), 7, ops.convert_to_tensor(9), 3)
    np.testing.assert_allclose(
        ops.convert_to_numpy(learned), known, rtol=1e-5, atol=1e-7
    )
