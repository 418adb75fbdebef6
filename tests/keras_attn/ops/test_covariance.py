import numpy as np
import pytest
from keras import ops

from keras_attn.backend import value_and_gradient
from keras_attn.ops.covariance import covariance


@pytest.mark.parametrize("shape", [(2, 5, 30), (1, 8, 3), (3, 1, 4)])
def test_matches_numpy(shape, tolerance):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    y = ops.convert_to_numpy(covariance(ops.convert_to_tensor(x)))
    exact = x.astype("float64")
    expected = np.stack([np.atleast_2d(np.cov(e, bias=True)) for e in exact])
    np.testing.assert_allclose(y, expected, rtol=0, atol=10 * tolerance)


def test_of_a_single_position_is_zero():
    x = np.random.default_rng(0).normal(size=(2, 4, 1)).astype("float32")
    y = ops.convert_to_numpy(covariance(ops.convert_to_tensor(x)))
    np.testing.assert_array_equal(y, np.zeros((2, 4, 4)))


def test_is_exact_for_a_large_mean():
    """The mean of squares minus the squared mean would be off by its size."""
    x = np.random.default_rng(0).normal(100.0, 0.01, (1, 4, 50))
    x = x.astype("float32")
    y = ops.convert_to_numpy(covariance(ops.convert_to_tensor(x)))[0]
    expected = np.cov(x[0].astype("float64"), bias=True)
    size = expected.max()
    np.testing.assert_allclose(y, expected, rtol=0, atol=0.01 * size)
    uncentred = x[0] @ x[0].T / 50 - np.outer(x[0].mean(1), x[0].mean(1))
    assert np.abs(uncentred - expected).max() > size


def test_needs_no_matrix_of_positions():
    """Such a matrix would take 40 GB."""
    x = ops.ones((1, 2, 100_000))
    assert tuple(covariance(x).shape) == (1, 2, 2)


def test_gradient_of_a_constant_is_zero():
    def total(x):
        return ops.sum(covariance(x))

    _, gradient = value_and_gradient(total, np.ones((1, 3, 8), "float32"))
    np.testing.assert_array_equal(ops.convert_to_numpy(gradient), 0.0)
