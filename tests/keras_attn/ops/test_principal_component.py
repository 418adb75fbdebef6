import numpy as np
import pytest
from keras import ops

from keras_attn import backend
from keras_attn.ops import principal_component
from keras_attn.ops.principal_component import project_by_numpy
from tests.cases import explained_in_numpy as in_numpy
from tests.marks import once_but_first

SHAPES = [
    pytest.param((2, 5, 4, 3), id="fewer_channels_than_positions"),
    pytest.param((2, 2, 3, 9), id="more_channels_than_positions"),
    pytest.param((2, 2, 3, 6), id="as_many"),
    pytest.param((3, 1, 5, 1), id="one_channel"),
]
# Compiled as a whole, as in the explanation methods.
project = backend.inference(principal_component.project)
BOTH = pytest.mark.parametrize(
    "function", [project, project_by_numpy], ids=["own", "numpy"]
)


def features(shape, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(2.0, 1.0, shape).astype("float32")


def run(function, array):
    return ops.convert_to_numpy(function(ops.convert_to_tensor(array)))


def centred(image):
    rows = image.reshape(-1, image.shape[-1])
    return rows - rows.mean(axis=0)


@pytest.mark.parametrize("shape", SHAPES)
class TestProject:
    @BOTH
    def test_matches_a_singular_value_decomposition(self, shape, function):
        """The signs may differ."""
        maps = run(function, features(shape))
        assert maps.shape == shape[:3]
        for image, map_ in zip(features(shape), maps, strict=True):
            u, s, _ = np.linalg.svd(centred(image.astype("float64")))
            expected = (s[0] * u[:, 0]).reshape(shape[1:3])
            expected *= np.sign((expected * map_).sum())
            size = np.abs(expected).max()
            np.testing.assert_allclose(map_, expected, rtol=0, atol=1e-4 * size)

    def test_is_positive_where_the_features_are(self, shape):
        for seed in range(5):
            x = features(shape, seed)
            maps = run(project, x)
            total = x.sum(axis=3) - x.sum(axis=3).mean((1, 2), keepdims=True)
            assert ((maps * total).sum((1, 2)) > 0).all()
            expected = in_numpy.principal_component(x.astype("float64"))
            size = np.abs(expected).max()
            np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-4 * size)

    def test_the_sign_follows_the_features(self, shape):
        x = features(shape)
        close = {"rtol": 0, "atol": 1e-4}
        np.testing.assert_allclose(run(project, -x), -run(project, x), **close)

    @pytest.mark.parametrize("scale", once_but_first([1e-6, 1e4, 1e-25, 1e25]))
    def test_scales_with_the_features(self, shape, scale):
        """The squares of the features may not fit into float32."""
        x = features(shape)
        expected = in_numpy.principal_component(x.astype("float64"))
        size = np.abs(expected).max()
        maps = run(project, np.float32(scale) * x) / scale
        np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-4 * size)

    def test_images_are_independent(self, shape):
        x = features(shape)
        x[0] *= 1e6
        one = run(project, x[1:])
        np.testing.assert_allclose(run(project, x)[1:], one, rtol=1e-4)

    @BOTH
    @pytest.mark.parametrize("value", once_but_first([0.0, 0.1, -1 / 3, 7.7]))
    def test_of_constant_maps_is_zero(self, shape, function, value):
        maps = run(function, np.full(shape, value, "float32"))
        # The last digit of a mean may be wrong.
        np.testing.assert_allclose(maps, 0.0, rtol=0, atol=1e-5)

    @BOTH
    def test_of_an_image_without_contrast_among_others(self, shape, function):
        x = features(shape)
        x[1] = 0.0
        maps = run(function, x)
        np.testing.assert_array_equal(maps[1], 0.0)
        assert np.abs(maps[0]).max() > 0.1

    def test_by_numpy_keeps_the_sign_of_numpy(self, shape):
        """The expected values use full matrices, as in pytorch-grad-cam."""
        x = np.concatenate([features(shape, seed) for seed in range(5)])
        expected = [
            centred(image) @ np.linalg.svd(centred(image))[2][0] for image in x
        ]
        maps = run(project_by_numpy, x)
        size = np.abs(expected).max()
        np.testing.assert_allclose(
            maps.reshape(len(x), -1), expected, rtol=0, atol=1e-5 * size
        )
        # Otherwise, this test would show nothing.
        signs = np.sign(maps.max((1, 2)) + maps.min((1, 2)))
        assert {*signs} == {-1.0, 1.0}


@pytest.mark.parametrize(
    ("slope", "sign"),
    [
        # Along the line, the sum of the channels grows by 4 - 3 or 3 - 4.
        ([-3.0, 4.0, 0.0], 1.0),
        ([3.0, -4.0, 0.0], -1.0),
        # The sum does not grow, so the farthest pixel is positive.
        ([-(12.5**0.5), 12.5**0.5, 0.0], 1.0),
        ([12.5**0.5, -(12.5**0.5), 0.0], 1.0),
    ],
)
def test_by_hand(slope, sign):
    """All pixels lie on a line, and one is farther out than the others."""
    places = np.array([3.0, -1.0, -1.0, -1.0])
    x = np.array([7.0, 5.0, -2.0]) + places[:, None] * slope
    x = x.reshape(1, 2, 2, 3).astype("float32")
    expected = sign * np.array([[15.0, -5.0], [-5.0, -5.0]])
    np.testing.assert_allclose(run(project, x)[0], expected, rtol=1e-5)
    maps = run(project_by_numpy, x)[0]
    np.testing.assert_allclose(np.abs(maps), np.abs(expected), rtol=1e-5)
