import functools

import numpy as np
import pytest

from keras_attn import explain
from tests.cases import explained_in_numpy as in_numpy
from tests.cases.explained import TARGETS
from tests.cases.explained_in_numpy import CASES, recorded, relu
from tests.marks import once_but_first

WEIGHTS = {
    "GradCAM": lambda gradients: gradients.mean((1, 2), keepdims=True),
    "LayerCAM": relu,
    "HiResCAM": lambda gradients: gradients,
}


@functools.cache
def expected(name, base, aperture=1.0):
    """Returns the maps, computed with inverses of conceptors."""
    case = CASES[name]()
    weighted = WEIGHTS[base](case.gradients) * case.features
    maps = []
    for each in weighted:
        columns = each.reshape(-1, each.shape[-1]).T
        columns = columns / np.sqrt((columns**2).mean())
        # Correlations are singular: a channel is for the class or against it,
        # and there may be more channels than positions.
        epsilon = 1e-9 / aperture**2
        pair = relu(columns), relu(-columns)
        found = in_numpy.filter_evidence(*pair, aperture, epsilon)
        maps.append(found.reshape(each.shape[:2]))
    return case.finish(np.stack(maps))


@pytest.mark.parametrize("base", once_but_first(WEIGHTS))
@pytest.mark.parametrize("name", once_but_first(CASES))
def test_is_the_evidence_for_the_class_and_not_against_it(name, base):
    maps = CASES[name]().maps("ConceptorCAM", base=getattr(explain, base))
    wanted = expected(name, base)
    np.testing.assert_allclose(maps, wanted, rtol=0, atol=1e-4)


@pytest.mark.once
@pytest.mark.parametrize("aperture", [0.2, 2, 5.0])
@pytest.mark.parametrize("name", CASES)
def test_of_another_aperture(name, aperture):
    maps = CASES[name]().maps("ConceptorCAM", aperture=aperture)
    wanted = expected(name, "GradCAM", aperture)
    np.testing.assert_allclose(maps, wanted, rtol=0, atol=5e-4)
    # The base makes a difference.
    assert np.abs(wanted - expected(name, "GradCAM")).max() > 0.01


@pytest.mark.once
def test_the_base_is_grad_cam_unless_told():
    case = recorded()
    maps = case.maps("ConceptorCAM", base=explain.GradCAM, aperture=1.0)
    np.testing.assert_array_equal(maps, case.maps("ConceptorCAM"))


@pytest.mark.once
def test_the_scale_of_the_scores_does_not_matter():
    case = CASES["few_channels"]()
    wanted = case.maps("ConceptorCAM")
    tiny = case.cam("ConceptorCAM")(
        case.images, lambda scores: 1e-3 * scores[:, 2]
    )
    alike = case.maps("ConceptorCAM", 2)
    np.testing.assert_allclose(tiny, alike, rtol=0, atol=1e-4)
    assert np.abs(wanted - alike).max() > 0.1


def test_says_that_it_is_unverified():
    assert "unverified" in explain.ConceptorCAM.__doc__


@pytest.mark.parametrize(
    "base",
    [
        explain.EigenCAM,
        explain.ScoreCAM,
        explain.CAM,
        explain.ClassActivationMap,
        explain.ConceptorCAM,
        explain.overlay,
        int,
        "GradCAM",
        None,
    ],
)
def test_a_base_without_weights_is_refused(base):
    with pytest.raises(ValueError, match="`base` must be a method"):
        recorded().cam("ConceptorCAM", base=base)


@pytest.mark.parametrize(
    "aperture", [0, -1.0, 11.0, float("inf"), float("nan")]
)
def test_an_aperture_that_cannot_be_solved_for_is_refused(aperture):
    with pytest.raises(ValueError, match=r"`aperture` must .* \(0, 10\].*Rece"):
        recorded().cam("ConceptorCAM", aperture=aperture)


def test_eigen_smooth_is_refused():
    case = recorded()
    cam = case.cam("ConceptorCAM")
    with pytest.raises(ValueError, match="`eigen_smooth` must be False"):
        cam(case.images, TARGETS, eigen_smooth=True)
