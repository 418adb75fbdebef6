import numpy as np
import pytest

from tests.cases.explained import TARGETS, golden
from tests.cases.explained_in_numpy import CASES, recorded

# `test_base.py` compares it with recorded maps on each backend.
pytestmark = pytest.mark.once


def test_is_what_was_recorded():
    maps = recorded().maps("HiResCAM")
    np.testing.assert_allclose(maps, golden()["y_HiResCAM"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", CASES)
class TestEquation:
    def test_is_features_times_gradients(self, name):
        case = CASES[name]()
        expected = case.finish((case.gradients * case.features).sum(-1))
        maps = case.maps("HiResCAM")
        np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-4)

    def test_adds_up_to_a_score_that_is_linear(self, name):
        """Except for its bias."""
        case = CASES[name]()
        total = case.sums("HiResCAM").sum((1, 2))
        expected = case.scores[range(3), TARGETS] - case.bias[TARGETS]
        np.testing.assert_allclose(total, expected, rtol=0, atol=1e-4)


def test_is_grad_cam_where_gradients_do_not_differ():
    case = recorded()
    expected = case.maps("GradCAM")
    np.testing.assert_allclose(case.maps("HiResCAM"), expected, atol=1e-4)
