"""Scores of one sigmoid unit, hidden probabilities, and black maps."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_attn import explain
from tests.cases import explained

pytestmark = pytest.mark.once


def some(count=3):
    return np.random.default_rng(0).normal(size=(count, 6, 6, 2))


def network(*last, kernel=((1.0,), (-1.0,))):
    """Returns a model of the means of two channels, with given weights."""
    inputs = keras.Input((6, 6, 2))
    x = layers.Activation("linear", name="map")(inputs)
    kernel = np.array(kernel, "float32")
    dense = layers.Dense(kernel.shape[1], use_bias=False, name="scores")
    x = dense(layers.GlobalAveragePooling2D()(x))
    for each in last:
        x = each(x)
    dense.set_weights([kernel])
    return keras.Model(inputs, x)


def quiet(cam, *arguments):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Some maps")
        return cam(*arguments)


@pytest.fixture(scope="module")
def unit():
    return network(layers.Activation("sigmoid"))


class TestOneUnit:
    """A sigmoid is like a softmax over the negated score and the score."""

    @pytest.mark.parametrize("method", ["HiResCAM", "CAM", "ScoreCAM"])
    @pytest.mark.parametrize("targets", [0, 1, [1, 0, 1], None])
    def test_has_two_classes(self, unit, method, targets):
        pair = network(layers.Softmax(), kernel=[[-1.0, 1.0], [1.0, -1.0]])
        make = getattr(explain, method)
        one, two = (
            quiet(make(model, "map"), some(), targets) for model in (unit, pair)
        )
        np.testing.assert_allclose(one, two, atol=1e-5)
        assert one.max() > 0.9

    @pytest.mark.parametrize("mode", ["closed_form", "exact"])
    def test_has_two_classes_by_higher_derivatives(self, unit, mode):
        maps = [
            quiet(explain.GradCAMPlusPlus(model, "map", mode=mode), x, target)
            for model, x, target in (
                (unit, some(), 0),
                (network(layers.Activation("sigmoid")), some(), 1),
            )
        ]
        swapped = network(layers.Activation("sigmoid"), kernel=[[-1.0], [1.0]])
        expected = [
            quiet(explain.GradCAMPlusPlus(swapped, "map", mode=mode), x, target)
            for x, target in ((some(), 1), (some(), 0))
        ]
        np.testing.assert_allclose(maps, expected, atol=1e-6)

    @pytest.mark.parametrize("targets", [0, 1, None])
    def test_has_two_probabilities(self, unit, targets):
        heatmaps = np.random.default_rng(1).random((3, 6, 6))
        scores = ops.convert_to_numpy(unit(some()))[:, 0]
        masked = ops.convert_to_numpy(unit(some() * heatmaps[..., None]))
        pairs = (
            np.stack([1 - scores, scores]),
            np.stack([1 - masked[:, 0], masked[:, 0]]),
        )
        chosen = pairs[0].argmax(axis=0) if targets is None else [targets] * 3
        before, after = (x[chosen, np.arange(3)] for x in pairs)
        expected = 100 * np.mean(np.maximum(before - after, 0) / before)
        found = explain.average_drop(unit, some(), heatmaps, targets)
        assert found == pytest.approx(expected, rel=1e-4)

    def test_without_a_sigmoid_has_one(self):
        with pytest.raises(ValueError, match="from 0 to 0, since the model"):
            explain.HiResCAM(network(), "map")(some(), 1)

    def test_of_a_map_has_two_classes_too(self):
        inputs = keras.Input((6, 6, 2))
        layer = layers.Conv2D(1, 1, activation="sigmoid", name="scores")
        x = layers.Activation("linear", name="map")(inputs)
        model = keras.Model(inputs, layer(x))
        layer.set_weights([np.array([[[[1.0], [-1.0]]]]), np.zeros(1)])
        mask = np.zeros((6, 6), bool)
        mask[:2] = True
        for target in (0, 1):
            region = explain.MaskedMean(target, mask)
            maps = quiet(explain.HiResCAM(model, "map"), some(), region)
            sign = 2 * target - 1
            raw = sign * (some()[..., 0] - some()[..., 1]) * mask
            expected = explained.scaled(np.maximum(raw, 0))
            np.testing.assert_allclose(maps, expected, atol=1e-4)


@keras.saving.register_keras_serializable("tests")
class Ensemble(layers.Layer):
    """Averages its outputs after `activation`, or after another one."""

    def __init__(self, count, **kwargs):
        super().__init__(**kwargs)
        self.activation = keras.activations.softmax
        self.parts = [layers.Dense(3) for _ in range(count)]

    def build(self, shape):
        for part in self.parts:
            part.build(shape)

    def call(self, x):
        found = [self.activation(part(x)) for part in self.parts]
        return sum(found) / len(found)


@keras.saving.register_keras_serializable("tests")
class HiddenSigmoid(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.body = network()

    def call(self, x):
        return ops.sigmoid(self.body(x))


class TestHidden:
    """Probabilities whose scores are unknown are explained directly."""

    match = "looks like probabilities"
    three = [[1.0, -1.0, 0.5], [-1.0, 2.0, 0.5]]

    def ensemble(self, kind):
        if kind == "average":
            inputs = keras.Input((6, 6, 2))
            first, second = (
                network(layers.Softmax(), kernel=k)
                for k in (self.three, np.roll(self.three, 1, 1))
            )
            x = layers.Activation("linear", name="map")(inputs)
            return keras.Model(inputs, layers.Average()([first(x), second(x)]))
        if kind == "lambda":
            last = layers.Lambda(lambda x: ops.softmax(x))
            return network(last, kernel=self.three)
        return network(Ensemble(2), kernel=self.three)

    @pytest.mark.parametrize("kind", ["average", "lambda", "own layer"])
    def test_are_explained_as_they_are(self, kind):
        model = self.ensemble(kind)
        with pytest.warns(UserWarning, match=self.match):
            maps = quiet_but(explain.HiResCAM(model, "map"), some(), 0)
        # Like a callable score, which is not changed.
        expected = quiet(
            explain.HiResCAM(model, "map"), some(), lambda y: y[:, 0]
        )
        np.testing.assert_allclose(maps, expected, atol=1e-6)

    def test_are_undone_if_a_layer_ends_in_its_activation(self):
        model = network(Ensemble(1), kernel=self.three)
        maps = quiet(explain.HiResCAM(model, "map"), some(), 0)
        (part,) = model.layers[-1].parts
        kernel = model.get_layer("scores").kernel @ part.kernel
        plain = network(kernel=ops.convert_to_numpy(kernel))
        expected = quiet(explain.HiResCAM(plain, "map"), some(), 0)
        np.testing.assert_allclose(maps, expected, atol=1e-5)

    def test_of_a_single_unit_raise_a_warning(self):
        model = HiddenSigmoid()
        model(some())
        with pytest.warns(UserWarning, match=self.match):
            explain.EigenCAM(model, "map")(some())


def quiet_but(cam, *arguments):
    """Ignores warnings about black maps."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Some maps")
        warnings.filterwarnings("always", "The output")
        return cam(*arguments)


class TestWhy:
    def check(self, model, images, target, match, method="GradCAM"):
        cam = getattr(explain, method)(model, "map")
        with pytest.warns(UserWarning, match="are 0 everywhere") as told:
            maps = cam(images, target, batch_size=1)
        told = [x for x in told if "are 0 everywhere" in str(x.message)]
        assert len(told) == 1 and match in str(told[0].message)
        return maps

    def test_nothing_supports_the_class(self):
        images = np.abs(some())
        images[1] = -images[1]
        maps = self.check(
            network(kernel=[[-1.0], [-1.0]]),
            images,
            0,
            "For the images 0, 2, nothing in the map supports",
        )
        # With negative gradients, negative features support the class.
        assert maps[1].max() > 0.99 and not maps[[0, 2]].any()

    def test_a_probability_that_only_falls_depends_on_the_map(self):
        model = network(kernel=[[-1.0, 1.0], [-1.0, 1.0]])
        cam = explain.GradCAMPlusPlus(model, "map", mode="exact")
        with pytest.warns(UserWarning, match="are the same at all positions"):
            cam(np.abs(some()), 0)

    def test_a_probability_of_equal_scores_does_not_depend_on_the_map(self):
        model = network(kernel=[[1.0, 1.0], [1.0, 1.0]])
        cam = explain.GradCAMPlusPlus(model, "map", mode="exact")
        with pytest.warns(UserWarning, match="the score does not depend"):
            cam(np.abs(some()), 0)

    def test_the_score_does_not_depend_on_the_map(self):
        self.check(
            network(kernel=[[0.0], [0.0]]),
            some(),
            0,
            "For the images 0, 1, 2, the score does not depend",
        )

    def test_the_map_has_no_contrast(self):
        images = np.ones((2, 6, 6, 2))
        text = "For the images 0, 1, the weighted features are the same"
        self.check(network(), images, 0, text, "CAM")

    def test_the_model_overflows(self):
        images = some(2)
        images[1] *= 1e38
        model = network(kernel=[[1.0], [1.0]])
        text = "For the images 1, the weighted features are not finite"
        self.check(model, images, lambda y: y[:, 0] ** 3, text, "HiResCAM")
