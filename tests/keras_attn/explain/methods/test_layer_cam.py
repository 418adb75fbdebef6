import numpy as np
import pytest

from tests.cases.explained import TARGETS, golden
from tests.cases.explained_in_numpy import CASES, recorded, relu

# `test_base.py` compares it with recorded maps on each backend.
pytestmark = pytest.mark.once


def test_is_what_was_recorded():
    maps = recorded().maps("LayerCAM")
    np.testing.assert_allclose(maps, golden()["y_LayerCAM"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_is_features_times_positive_gradients(name):
    case = CASES[name]()
    expected = case.finish((relu(case.gradients) * case.features).sum(-1))
    maps = case.cam("LayerCAM")(case.images, TARGETS)
    np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-4)
