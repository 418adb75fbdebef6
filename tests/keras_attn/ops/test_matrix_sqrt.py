import numpy as np
import pytest
from keras import ops

from keras_attn.backend import value_and_gradient
from keras_attn.ops.matrix_sqrt import matrix_sqrt, mean_of_matrix_sqrt
from tests.marks import once_but_first


def covariances(dim, positions, batch=2):
    x = np.random.default_rng(0).normal(size=(batch, positions, dim))
    return np.stack([np.atleast_2d(np.cov(image.T, bias=True)) for image in x])


def published(s, iterations):
    """Computes the root in float64, in the order of the published code."""
    identity = np.eye(s.shape[-1])
    trace = np.trace(s, axis1=1, axis2=2)[:, None, None]
    a = s / trace
    if iterations == 1:
        return 0.5 * a @ (3 * identity - a) * np.sqrt(trace)
    zy = 0.5 * (3 * identity - a)
    y, z = a @ zy, zy
    for _ in range(iterations - 2):
        zy = 0.5 * (3 * identity - z @ y)
        y, z = y @ zy, zy @ z
    return 0.5 * y @ (3 * identity - z @ y) * np.sqrt(trace)


def exact(s):
    values, vectors = np.linalg.eigh(s)
    values = np.sqrt(np.maximum(values, 0.0))[:, None]
    return vectors * values @ vectors.swapaxes(1, 2)


def distance(y, expected):
    return np.linalg.norm(y - expected) / np.linalg.norm(expected)


def ours(s, iterations):
    s = ops.convert_to_tensor(s.astype("float32"))
    return ops.convert_to_numpy(matrix_sqrt(s, iterations))


@pytest.mark.parametrize("iterations", [1, 2, 3, 5, 7])
@pytest.mark.parametrize(
    ("dim", "positions"),
    once_but_first([(8, 40), (6, 3), (1, 9)], several=True),
)
def test_matches_the_published_iteration(iterations, dim, positions, tolerance):
    s = covariances(dim, positions)
    y = ours(s, iterations)
    assert distance(y, published(s, iterations)) < 10 * tolerance
    mean = mean_of_matrix_sqrt(
        ops.convert_to_tensor(s.astype("float32")), iterations
    )
    expected = published(s, iterations).mean(1)
    assert distance(ops.convert_to_numpy(mean), expected) < 10 * tolerance


def test_few_iterations_are_not_the_square_root():
    """Networks were trained with this error, so it must not be corrected."""
    s = covariances(64, 256)
    found = [distance(ours(s, n), exact(s)) for n in (3, 5, 10, 20)]
    assert 0.55 < found[0] < 0.6
    assert 0.22 < found[1] < 0.26
    assert found[2] < 1e-3 and found[3] < 1e-4


def test_many_iterations_stay_finite_without_full_rank():
    s = covariances(16, 4)
    y = ours(s, 20)
    assert distance(y, exact(s)) < 0.01


@pytest.mark.parametrize("iterations", [1, 5])
@pytest.mark.parametrize("scale", [0.0, 1e-8, 1.0, 1e8])
def test_values_and_gradients_are_finite(scale, iterations):
    s = (scale * covariances(4, 9)).astype("float32")

    def total(s):
        return ops.sum(matrix_sqrt(s, iterations))

    value, gradient = value_and_gradient(total, s)
    assert np.isfinite(ops.convert_to_numpy(value))
    assert np.isfinite(ops.convert_to_numpy(gradient)).all()


def test_of_zero_is_zero():
    np.testing.assert_array_equal(ours(np.zeros((1, 4, 4)), 5), 0.0)


def test_is_symmetric(tolerance):
    y = ours(covariances(32, 64), 5)
    difference = np.abs(y - y.swapaxes(1, 2)).max()
    assert difference <= 10 * tolerance * np.abs(y).max()
