import numpy as np
import pytest
from keras import ops

from keras_attn import backend
from keras_attn.ops.conceptor import filter_evidence
from tests.cases import explained_in_numpy as in_numpy

every_aperture = pytest.mark.parametrize("aperture", [0.1, 1.0, 10.0])


def vectors(channels, n, batch=2):
    """Returns vectors, with correlations of full rank if n is large enough."""
    random = np.random.default_rng(channels + 100 * n)
    shape = 2, batch, channels, n
    # Some channels are larger than others.
    sizes = np.geomspace(0.3, 2.0, channels)[:, None]
    return (random.normal(size=shape) * sizes).astype("float32")


# Compiled as a whole, as in `ConceptorCAM`.
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
        """The inverse in the formula does not exist, but its limit does."""
        x, y = vectors(*size)
        epsilon = 1e-9 / aperture**2
        expected = by_inverses(x, y, aperture, epsilon)
        # Verifies that this is close to the limit.
        assert_close(expected, by_inverses(x, y, aperture, 10 * epsilon), 3e-5)
        # The larger the aperture, the worse the condition of the system.
        rtol = 1e-4 * max(1.0, aperture)
        assert_close(filtered(x, y, aperture), expected, rtol)

    @pytest.mark.parametrize("size", [(6, 7), (6, 8)])
    def test_channels_of_zeros_change_nothing(self, size, aperture):
        """With them, the system is positions times positions."""
        x, y = vectors(*size)
        more = [(0, 0), (0, size[1] - size[0]), (0, 0)]
        expected = by_inverses(x, y, aperture)
        for pad in (more, [(0, 0), (0, 3), (0, 0)]):
            padded = np.pad(x, pad), np.pad(y, pad)
            assert_close(filtered(*padded, aperture), expected)

    @pytest.mark.parametrize("size", [(4, 9), (9, 4)])
    def test_without_negative_vectors_is_the_conceptor(self, size, aperture):
        x, _ = vectors(*size)
        expected = []
        for each in x.astype("float64"):
            u, s, v = np.linalg.svd(each, full_matrices=False)
            # The same directions, each scaled by the conceptor.
            share = s**2 / (s**2 + size[1] * aperture**-2)
            expected.append(((u * (share * s)) @ v).sum(axis=0))
        found = filtered(x, np.zeros_like(x), aperture)
        assert_close(found, np.stack(expected))

    def test_of_equal_positive_and_negative_vectors(self, aperture):
        """With eigenvalues `c = s / (s + a^-2)` and `b = c` in one basis."""
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
    def test_a_large_aperture_passes_everything(self, size):
        x, _ = vectors(*size)
        found = filtered(x, np.zeros_like(x), 100.0)
        assert_close(found, x.sum(axis=1), 1e-2)

    def test_a_small_aperture_passes_nothing(self, size):
        x, y = vectors(*size)
        found = filtered(x, y, 1e-3)
        assert np.abs(found).max() < 1e-4 * np.abs(x).sum(axis=1).max()

    def test_zeros_return_zeros(self, size):
        x, y = vectors(*size)
        zero = np.zeros_like(x)
        for pair in ((zero, zero), (zero, y)):
            found = filtered(*pair, 1.0)
            np.testing.assert_array_equal(found, 0.0)

    def test_images_are_independent(self, size):
        x, y = vectors(*size)
        x[0], y[0] = 0.0, 0.0
        found = filtered(x, y, 1.0)
        np.testing.assert_array_equal(found[0], 0.0)
        assert_close(found[1:], filtered(x[1:], y[1:], 1.0), 1e-5)

    def test_negative_vectors_change_the_result(self, size):
        x, y = vectors(*size)
        plain = filtered(x, np.zeros_like(x), 1.0)
        assert np.abs(filtered(x, y, 1.0) - plain).max() > 0.1
