import numpy as np
import pytest
from keras import ops

from keras_attn.explain import Network
from keras_attn.explain.measures.baselines import baselines
from tests.cases.linear import linear_model

pytestmark = pytest.mark.once

SIZE, CHANNELS = (3, 4), 2


def inputs(first=False):
    shape = 3, *SIZE, CHANNELS
    images = np.random.default_rng(0).normal(size=shape)
    network = Network(linear_model(shape[1:], first=first))
    return network.check(np.moveaxis(images, -1, 1) if first else images)


def blur_by_hand(image, sigma=5.0, reach=5):
    """Averages around each pixel, with weights that sum to 1."""
    steps = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (steps[:, None] ** 2 + steps**2) / sigma**2)
    weights /= weights.sum()
    blurred = np.zeros(image.shape)
    height, width, _ = image.shape
    for i, j in np.ndindex(height, width):
        for di, dj in np.ndindex(weights.shape):
            row = min(max(i + di - reach, 0), height - 1)
            column = min(max(j + dj - reach, 0), width - 1)
            blurred[i, j] += weights[di, dj] * image[row, column]
    return blurred


@pytest.mark.parametrize("first", [False, True])
def test_the_blur_is_that_by_hand(first):
    found = baselines("blur", inputs(first))
    found = np.moveaxis(found, 1, -1) if first else found
    for each, image in zip(found, inputs().images, strict=True):
        np.testing.assert_allclose(each, blur_by_hand(image), atol=1e-5)


def test_a_tensor_is_taken():
    color = np.array([0.5, -1.0], "float32")
    found = baselines(ops.convert_to_tensor(color), inputs())
    np.testing.assert_array_equal(found, np.broadcast_to(color, found.shape))


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ("grey", "baseline='grey'"),
        (None, "baseline=None"),
        (float("nan"), "baseline=nan"),
        ([[1.0], [2.0, 3.0]], r"baseline=\[\[1.0\], \[2.0, 3.0\]\]"),
        (np.zeros(3), r"an array of \(3,\)"),
        (np.zeros((2, *SIZE, CHANNELS)), r"an array of \(2, 3, 4, 2\)"),
        (np.zeros((1, 3, *SIZE, CHANNELS)), r"an array of \(1, 3, 3, 4"),
        (np.full(2, np.inf), r"an array of \(2,\)"),
    ],
)
def test_other_values_are_rejected(baseline, message):
    message = rf"`baseline` must.*shape \(3, 3, 4, 2\). Received: {message}"
    with pytest.raises(ValueError, match=message):
        baselines(baseline, inputs())
