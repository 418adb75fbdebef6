import numpy as np
import pytest
from keras import ops

from keras_attn.ops.heatmaps import normalize


def normalized(array, *args):
    tensor = ops.convert_to_tensor(np.asarray(array, "float32"))
    return ops.convert_to_numpy(normalize(tensor, *args))


def test_maps_are_independent():
    y = normalized([[[1, 3], [2, 5]], [[-4, -4], [-4, -2]]])
    expected = [[[0, 0.5], [0.25, 1]], [[0, 0], [0, 1]]]
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 1e30])
def test_without_contrast_is_zero(value):
    y = normalized(np.full((2, 3, 5), value))
    np.testing.assert_array_equal(y, 0.0)


def test_of_a_single_position_is_zero():
    np.testing.assert_array_equal(normalized([[[5.0]]]), 0.0)


@pytest.mark.parametrize(
    ("contrast", "epsilon", "largest"),
    [
        (1e-7, (), 0.5),
        (3e-7, (), 0.75),
        (1e-20, (), 1e-13),
        (1.0, (1.0,), 0.5),
        (1e-20, (1e-30,), 1.0),
    ],
)
def test_a_contrast_as_small_as_epsilon_is_halved(contrast, epsilon, largest):
    y = normalized([[[0.0, contrast]]], *epsilon)
    np.testing.assert_allclose(y, [[[0.0, largest]]], rtol=1e-5)


def test_does_not_depend_on_offset_and_scale():
    x = np.random.default_rng(0).normal(size=(2, 4, 3))
    expected = (x - x.min((1, 2), keepdims=True)) / np.ptp(
        x, axis=(1, 2), keepdims=True
    )
    for scale in (1.0, 1e-2, 1e6):
        y = normalized(scale * (x + 3.0))
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-4)
        assert y.min() == 0.0
