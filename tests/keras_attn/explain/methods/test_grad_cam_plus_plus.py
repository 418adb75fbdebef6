import functools
import math

import numpy as np
import pytest
from keras import ops

from keras_attn.explain.methods.grad_cam_plus_plus import exact_weights
from tests.cases.explained import TARGETS, golden
from tests.cases.explained_in_numpy import recorded, relu, uneven

CIRCLE = np.exp(2j * np.pi * np.arange(64) / 64)


def derivatives(function, scores, slopes):
    """Returns the first three derivatives along each feature coordinate.

    They are computed without differentiation, from values on a circle around
    the point, with Cauchy's formula `f^(n) = n! mean_z f(r z) / (r z)^n`.

    Args:
        function: Function of scores along the first axis.
        scores: Scores of one image, `(classes,)`.
        slopes: Gradients of the scores, `(classes, ...)`.
    """
    # Small enough for finite probabilities inside the circle.
    radius = 0.5 / np.abs(slopes).max(axis=0)
    shape = (-1,) + (1,) * slopes.ndim
    moved = scores.reshape(shape) + (slopes * radius)[..., None] * CIRCLE
    values = function(moved)
    return [
        math.factorial(n) * (values * CIRCLE**-n).mean(-1).real / radius**n
        for n in (1, 2, 3)
    ]


def equation_10(case, functions):
    """Returns the maps of `functions`, one for each image."""
    maps = []
    triples = zip(functions, case.scores, case.features, strict=True)
    for function, scores, features in triples:
        first, second, third = derivatives(function, scores, case.kernel)
        total = features.sum((0, 1))
        parts = 2.0 * second, total * third
        share = second / sum(parts)
        # Close to a pole, float32 cannot be compared.
        clear = np.abs(sum(parts)) > 0.03 * sum(np.abs(x) for x in parts)
        assert clear[first > 0].all()
        weights = (share * relu(first)).sum((0, 1))
        maps.append((weights * features).sum(-1))
    return case.finish(np.stack(maps))


def softmax_of(index, scores):
    powers = np.exp(scores)
    return powers[index] / powers.sum(axis=0)


def sigmoid_of(index, scores):
    return 1.0 / (1.0 + np.exp(-scores[index]))


def closed_form(features, gradients):
    return recorded().cam("GradCAMPlusPlus").weights(features, gradients)


def weights(function, features, *gradients):
    """Returns weights for a row of pixels with one or several channels."""

    def row(array):
        array = np.reshape(array, (1, 1, len(features), -1))
        return ops.convert_to_tensor(array, "float32")

    found = function(*map(row, (features, *gradients)))
    return ops.convert_to_numpy(found)[0, 0, 0]


@pytest.mark.once
class TestClosedForm:
    def test_is_what_was_recorded(self):
        expected = golden()["y_GradCAMPlusPlus"]
        for options in ({}, {"mode": "closed_form"}):
            maps = recorded().maps("GradCAMPlusPlus", **options)
            np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-4)

    def test_by_hand(self):
        # 1 / (2 + 4) x 1, and 4 / (8 + 4 x 8) x 2
        found = weights(closed_form, [1.0, 3.0], [1.0, 2.0])
        np.testing.assert_allclose(found, [1 / 6 + 0.2], rtol=1e-5)

    def test_features_alone_are_summed(self):
        # Not features times gradients: 1 / (2 + 1 + 2 x 8) + ... .
        found = weights(closed_form, [1.0, 0.0, 0.0], [1.0, 2.0, 1.0])
        # Each term is g^3 / (2 g^2 + g^3) = g / (2 + g).
        np.testing.assert_allclose(found, [1 / 3 + 1 / 2 + 1 / 3], rtol=1e-5)

    def test_channels_by_themselves(self):
        found = weights(
            closed_form,
            [[1.0, 0.0], [3.0, 2.0]],
            [[1.0, 4.0], [2.0, 1.0]],
        )
        # 16 / (32 + 2 x 64) x 4, and 1 / (2 + 2)
        expected = [1 / 6 + 0.2, 0.4 + 0.25]
        np.testing.assert_allclose(found, expected, rtol=1e-5)

    def test_gradients_that_are_not_positive_do_not_count(self):
        found = weights(closed_form, [1.0, 1.0, 2.0], [-1.0, 1.0, 0.0])
        np.testing.assert_allclose(found, [1 / 6], rtol=1e-5)

    def test_small_gradients_meet_the_constant(self):
        # 1e-6 / (2e-6 + 1e-6) x 1e-3, and far below.
        found = weights(closed_form, [0.0], [1e-3])
        np.testing.assert_allclose(found, [1e-3 / 3], rtol=1e-5)
        found = weights(closed_form, [0.0], [1e-5])
        np.testing.assert_allclose(found, [1e-9], rtol=1e-3)

    def test_is_equation_10_of_an_exponential(self):
        """If gradients are so large that the constant is negligible."""
        case = uneven(5)
        expected = equation_10(
            case, [lambda scores, c=c: np.exp(scores[c]) for c in TARGETS]
        )
        maps = case.maps("GradCAMPlusPlus")
        np.testing.assert_allclose(maps, expected, rtol=0, atol=5e-4)


class TestExact:
    @pytest.mark.parametrize(
        "make", [recorded, lambda: uneven(2)], ids=["recorded", "uneven"]
    )
    def test_is_equation_10_of_the_softmax(self, make):
        case = make()
        functions = [functools.partial(softmax_of, c) for c in TARGETS]
        maps = case.maps("GradCAMPlusPlus", mode="exact")
        expected = equation_10(case, functions)
        np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-3)

    @pytest.mark.once
    @pytest.mark.parametrize("activation", [None, "softmax"])
    def test_without_targets_is_that_of_the_highest_score(self, activation):
        case = uneven(2, activation)
        best = case.scores.argmax(axis=1)
        functions = [functools.partial(softmax_of, c) for c in best]
        maps = case.maps("GradCAMPlusPlus", None, mode="exact")
        expected = equation_10(case, functions)
        np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-3)

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("activation", "classes"),
        [("sigmoid", 1), (None, 1), ("sigmoid", 5)],
    )
    def test_is_equation_10_of_the_sigmoid(self, activation, classes):
        case = uneven(2, activation, classes)
        targets = TARGETS if classes > 1 else [0, 0, 0]
        functions = [functools.partial(sigmoid_of, c) for c in targets]
        if activation and classes == 1:
            # Class 0 of a sigmoid unit is the complement.
            targets = [1, 1, 1]
        maps = case.maps("GradCAMPlusPlus", targets, mode="exact")
        expected = equation_10(case, functions)
        np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-3)

    def test_by_hand(self):
        # 2 / (4 + 4 x 3) x 5, and 0 / 0, and 1 / (2 - 4) x 1
        found = weights(
            exact_weights,
            [1.0, 3.0, 0.0],
            [5.0, 1.0, 1.0],
            [2.0, 0.0, 1.0],
            [3.0, 0.0, -1.0],
        )
        np.testing.assert_allclose(found, [5 / 8 - 1 / 2], rtol=1e-5)

    def test_needs_classes(self):
        cam = recorded().cam("GradCAMPlusPlus", mode="exact")
        with pytest.raises(ValueError, match="`targets` must be class indices"):
            cam(recorded().images, lambda scores: scores[:, 0])


@pytest.mark.parametrize("mode", ["paper", "Exact", None])
def test_another_mode_is_refused(mode):
    with pytest.raises(ValueError, match="`mode` must be one of .*exact"):
        recorded().cam("GradCAMPlusPlus", mode=mode)
