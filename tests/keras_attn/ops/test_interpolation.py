import numpy as np
import pytest
from keras import ops

from keras_attn.ops.interpolation import bilinear_matrix, resize
from tests.cases import explained_in_numpy as in_numpy
from tests.marks import once_but_first

SIZES = [
    ((4, 6), (8, 18)),
    ((16, 12), (32, 24)),
    ((5, 3), (7, 11)),
    ((7, 11), (5, 3)),
    ((9, 8), (2, 4)),
    ((1, 4), (5, 3)),
    ((4, 1), (1, 6)),
    ((3, 5), (1, 1)),
    ((1, 1), (3, 2)),
    ((6, 5), (6, 5)),
]


def maps(size):
    return np.random.default_rng(0).normal(size=(2, *size)).astype("float32")


def resized(array, *args):
    return ops.convert_to_numpy(resize(ops.convert_to_tensor(array), *args))


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(
    ("source", "target"), once_but_first(SIZES, several=True)
)
class TestResize:
    def test_interpolates_between_pixels(self, source, target, align_corners):
        x = maps(source)
        y = resized(x, target, align_corners)
        assert y.shape == (2, *target)
        expected = in_numpy.resize(x, target, align_corners)
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-5)

    def test_keeps_constants(self, source, target, align_corners):
        y = resized(np.full((2, *source), 3.0, "float32"), target)
        np.testing.assert_allclose(y, 3.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("source", "target"), once_but_first(SIZES, several=True)
)
def test_matches_keras_with_half_pixels(source, target):
    x = maps(source)
    expected = ops.image.resize(
        ops.convert_to_tensor(x[..., None]),
        target,
        interpolation="bilinear",
        data_format="channels_last",
    )
    expected = ops.convert_to_numpy(expected)[..., 0]
    np.testing.assert_allclose(resized(x, target), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (4, 7)])
def test_to_the_same_size_changes_nothing(size, align_corners):
    for side in size:
        matrix = bilinear_matrix(side, side, align_corners)
        np.testing.assert_allclose(matrix, np.eye(side), rtol=0, atol=1e-6)
    y = resized(maps(size), size, align_corners)
    np.testing.assert_allclose(y, maps(size), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("align_corners", "values", "expected"),
    [
        (False, [0, 1], [0, 0.25, 0.75, 1]),
        (True, [0, 1], [0, 1 / 3, 2 / 3, 1]),
        (False, [0, 1, 2, 3], [0.5, 2.5]),
        (True, [0, 1, 2, 3], [0, 3]),
        # The middle, or the first corner.
        (False, [0, 1, 5], [1]),
        (True, [2, 1, 5], [2]),
        # Nothing is smoothed: every third pixel, whatever is in between.
        (False, [9, 1, 9, 9, 2, 9], [1, 2]),
    ],
)
def test_by_hand(align_corners, values, expected):
    matrix = bilinear_matrix(len(values), len(expected), align_corners)
    assert matrix.dtype == "float32"
    np.testing.assert_allclose(matrix @ values, expected, rtol=0, atol=1e-6)
    column = np.array(values, "float32")[None, :, None]
    for array in (column, column.transpose(0, 2, 1)):
        size = [len(expected) if n > 1 else n for n in array.shape[1:]]
        y = resized(array, tuple(size), align_corners)
        np.testing.assert_allclose(y.ravel(), expected, rtol=0, atol=1e-6)
