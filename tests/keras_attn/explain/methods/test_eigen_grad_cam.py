import numpy as np
import pytest

from tests.cases.explained import golden
from tests.cases.explained_in_numpy import CASES, principal_component, recorded
from tests.marks import once_but_first


def test_is_what_was_recorded_with_the_sign_of_numpy():
    maps = recorded().maps("EigenGradCAM", sign_correction=False)
    expected = golden()["y_EigenGradCAM"]
    np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", once_but_first(CASES))
def test_is_the_principal_component_of_features_times_gradients(name):
    case = CASES[name]()
    found = principal_component(case.gradients * case.features)
    maps = case.maps("EigenGradCAM")
    np.testing.assert_allclose(maps, case.finish(found), rtol=0, atol=1e-4)


def test_targets_matter():
    case = CASES["few_channels"]()
    cam = case.cam("EigenGradCAM")
    one, other = cam(case.images, 0), cam(case.images, 1)
    assert np.abs(one - other).max() > 0.1
