import numpy as np
import pytest
from keras import ops

from tests.cases.explained import TARGETS, golden
from tests.cases.explained_in_numpy import CASES, recorded

# `test_base.py` compares it with recorded maps on each backend.
pytestmark = pytest.mark.once


def test_is_what_was_recorded():
    maps = recorded().maps("XGradCAM")
    np.testing.assert_allclose(maps, golden()["y_XGradCAM"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", CASES)
class TestEquation:
    def test_weights_gradients_by_the_features(self, name):
        case = CASES[name]()
        shares = case.features / (
            case.features.sum((1, 2), keepdims=True) + 1e-7
        )
        weights = (case.gradients * shares).sum((1, 2), keepdims=True)
        expected = case.finish((weights * case.features).sum(-1))
        maps = case.maps("XGradCAM")
        np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-4)

    def test_adds_up_to_a_score_that_is_linear(self, name):
        """Except for its bias."""
        case = CASES[name]()
        total = case.sums("XGradCAM").sum((1, 2))
        expected = case.scores[range(3), TARGETS] - case.bias[TARGETS]
        np.testing.assert_allclose(total, expected, rtol=0, atol=1e-4)


def test_a_channel_that_is_zero_has_no_weight():
    cam = recorded().cam("XGradCAM")
    features, gradients = np.zeros((1, 2, 2, 2)), np.ones((1, 2, 2, 2))
    # (1 x 1 + 3 x 2) / (1 + 3)
    features[0, 0, :, 1], gradients[0, 0, :, 1] = [1.0, 3.0], [1.0, 2.0]
    weights = cam.weights(
        *(ops.convert_to_tensor(x, "float32") for x in (features, gradients))
    )
    weights = ops.convert_to_numpy(weights)
    np.testing.assert_allclose(weights[0, 0, 0], [0.0, 1.75], rtol=1e-6)
