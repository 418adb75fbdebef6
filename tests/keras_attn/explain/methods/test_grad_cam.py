import numpy as np
import pytest

from tests.cases.explained import TARGETS, golden
from tests.cases.explained_in_numpy import (
    CASES,
    principal_component,
    recorded,
)

# `test_base.py` compares it with recorded maps on each backend.
pytestmark = pytest.mark.once


def weighted(case, gradients):
    """Returns the features, weighted by the mean gradients."""
    return gradients.mean((1, 2))[:, None, None] * case.features


@pytest.mark.parametrize("name", CASES)
class TestEquation:
    def test_is_the_sum_weighted_by_mean_gradients(self, name):
        case = CASES[name]()
        expected = case.finish(weighted(case, case.gradients).sum(-1))
        maps = case.maps("GradCAM")
        np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-4)

    def test_without_targets_is_that_of_the_highest_score(self, name):
        case = CASES[name]()
        gradients = case.kernel[case.scores.argmax(axis=1)]
        expected = case.finish(weighted(case, gradients).sum(-1))
        maps = case.maps("GradCAM", None)
        np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-4)

    def test_eigen_smooth_is_the_principal_component(self, name):
        case = CASES[name]()
        found = principal_component(weighted(case, case.gradients))
        maps = case.cam("GradCAM")(case.images, TARGETS, eigen_smooth=True)
        expected = case.finish(found)
        np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "targets", "options", "call"),
    [
        ("GradCAM", TARGETS, {}, {}),
        ("GradCAM_argmax", None, {}, {}),
        ("GradCAM_aug", TARGETS, {}, {"aug_smooth": True}),
        (
            "GradCAM_eigen",
            TARGETS,
            {"sign_correction": False},
            {"eigen_smooth": True},
        ),
    ],
    ids=["plain", "argmax", "aug_smooth", "eigen_smooth"],
)
def test_is_what_was_recorded(name, targets, options, call):
    case = recorded()
    maps = case.cam("GradCAM", **options)(case.images, targets, **call)
    np.testing.assert_allclose(maps, golden()[f"y_{name}"], rtol=0, atol=1e-4)
