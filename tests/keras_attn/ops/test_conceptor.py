import numpy as np
import pytest
from keras import ops

from keras_attn import backend
from keras_attn.ops.conceptor import filter_evidence
from tests.cases import explained_in_numpy as in_numpy

every_aperture = pytest.mark.parametrize("aperture", [0.1, 1.0, 10.0])


def vectors(channels, n, batch=2):
    """Returns what has correlations of full rank if n is large enough."""
    random = np.random.default_rng(channels + 100 * n)
    shape = 2, batch, channels, n
    # Some channels count more than others.
    sizes = np.geomspace(0.3, 2.0, channels)[:, None]
    return (random.normal(size=shape) * sizes).astype("float32")


# Compiled as a whole, as it is where it is used.
_compiled = backend.inference(filter_evidence)


def filtered(x, y, aperture):
    x, y = (ops.convert_to_tensor(each) for each in (x, y))
    return ops.convert_to_numpy(_compiled(x, y, aperture))


def assert_close(actual, expected, rtol=1e-4):
    assert actual.shape == expected.shape
    size = np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=rtol * size)


def by_inverses(x, y, aperture, epsilon=0.0):
    x, y = x.astype("float64"), y.astype("float64")
    return np.stack(
        [
            in_numpy.filter_evidence(*pair, aperture, epsilon)
            for pair in zip(x, y, strict=True)
        ]
    )


@every_aperture
class TestAlgebra:
    @pytest.mark.parametrize("size", [(4, 5), (6, 40)])
    def test_of_fewer_channels_than_vectors(self, size, aperture):
        x, y = vectors(*size)
        expected = by_inverses(x, y, aperture)
        assert_close(filtered(x, y, aperture), expected)

    @pytest.mark.parametrize("size", [(5, 5), (40, 6), (3, 1)])
    def test_of_more_channels_than_vectors(self, size, aperture):
        """Where the formula has no inverse, but a limit."""
        x, y = vectors(*size)
        epsilon = 1e-9 / aperture**2
        expected = by_inverses(x, y, aperture, epsilon)
        # That it is one.
        assert_close(expected, by_inverses(x, y, aperture, 10 * epsilon), 3e-5)
        # The system is the harder to solve, the larger the aperture.
        rtol = 1e-4 * max(1.0, aperture)
        assert_close(filtered(x, y, aperture), expected, rtol)

    @pytest.mark.parametrize("size", [(6, 7), (6, 8)])
    def test_channels_of_zeros_change_nothing(self, size, aperture):
        """With them, positions times positions are what is solved."""
        x, y = vectors(*size)
        more = [(0, 0), (0, size[1] - size[0]), (0, 0)]
        expected = by_inverses(x, y, aperture)
        for pad in (more, [(0, 0), (0, 3), (0, 0)]):
            padded = np.pad(x, pad), np.pad(y, pad)
            assert_close(filtered(*padded, aperture), expected)

    @pytest.mark.parametrize("size", [(4, 9), (9, 4)])
    def test_without_anything_against_it_is_the_conceptor(self, size, aperture):
        x, _ = vectors(*size)
        expected = []
        for each in x.astype("float64"):
            u, s, v = np.linalg.svd(each, full_matrices=False)
            # The same directions, each as far as it is let through.
            share = s**2 / (s**2 + size[1] * aperture**-2)
            expected.append(((u * (share * s)) @ v).sum(axis=0))
        found = filtered(x, np.zeros_like(x), aperture)
        assert_close(found, np.stack(expected))

    def test_of_the_same_for_and_against(self, aperture):
        """By eigenvalues: `c = s / (s + a^-2)`, `b = c`, all in one basis."""
        x, _ = vectors(5, 12)
        expected = []
        for each in x.astype("float64"):
            u, s, v = np.linalg.svd(each, full_matrices=False)
            c = s**2 / 12 / (s**2 / 12 + aperture**-2)
            share = 1.0 / (1.0 / c + 1.0 / (1.0 - c) - 1.0)
            expected.append(((u * (share * s)) @ v).sum(axis=0))
        assert_close(filtered(x, x, aperture), np.stack(expected))


@pytest.mark.parametrize("size", [(4, 9), (9, 4)])
class TestLimits:
    def test_a_large_aperture_lets_all_through(self, size):
        x, _ = vectors(*size)
        found = filtered(x, np.zeros_like(x), 100.0)
        assert_close(found, x.sum(axis=1), 1e-2)

    def test_a_small_aperture_lets_nothing_through(self, size):
        x, y = vectors(*size)
        found = filtered(x, y, 1e-3)
        assert np.abs(found).max() < 1e-4 * np.abs(x).sum(axis=1).max()

    def test_nothing_gives_nothing(self, size):
        x, y = vectors(*size)
        zero = np.zeros_like(x)
        for pair in ((zero, zero), (zero, y)):
            found = filtered(*pair, 1.0)
            np.testing.assert_array_equal(found, 0.0)

    def test_images_do_not_meet(self, size):
        x, y = vectors(*size)
        x[0], y[0] = 0.0, 0.0
        found = filtered(x, y, 1.0)
        np.testing.assert_array_equal(found[0], 0.0)
        assert_close(found[1:], filtered(x[1:], y[1:], 1.0), 1e-5)

    def test_what_is_against_it_takes_away(self, size):
        x, y = vectors(*size)
        plain = filtered(x, np.zeros_like(x), 1.0)
        assert np.abs(filtered(x, y, 1.0) - plain).max() > 0.1
