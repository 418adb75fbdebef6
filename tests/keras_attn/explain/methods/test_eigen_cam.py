import numpy as np
import pytest

from tests.cases.explained import golden
from tests.cases.explained_in_numpy import CASES, principal_component, recorded
from tests.marks import once_but_first


@pytest.mark.once
def test_is_what_was_recorded_with_the_sign_of_numpy():
    maps = recorded().maps("EigenCAM", sign_correction=False)
    np.testing.assert_allclose(maps, golden()["y_EigenCAM"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", once_but_first(CASES))
class TestEquation:
    def test_is_the_principal_component_of_the_features(self, name):
        case = CASES[name]()
        expected = case.finish(principal_component(case.features))
        maps = case.maps("EigenCAM")
        np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-4)

    def test_targets_do_not_matter(self, name):
        case = CASES[name]()
        cam = case.cam("EigenCAM")
        maps = cam(case.images)
        for targets in (0, [1, 2, 4]):
            np.testing.assert_array_equal(cam(case.images, targets), maps)

    def test_runs_no_gradient(self, name, monkeypatch):
        case = CASES[name]()
        monkeypatch.setattr(case.network, "gradients", None)
        case.maps("EigenCAM")


@pytest.mark.once
def test_eigen_smooth_changes_nothing():
    case = recorded()
    cam = case.cam("EigenCAM")
    maps = cam(case.images)
    smooth = cam(case.images, eigen_smooth=True)
    np.testing.assert_allclose(smooth, maps, rtol=0, atol=1e-6)
