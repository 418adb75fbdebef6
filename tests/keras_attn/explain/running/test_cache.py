"""Which changes lead to a new compilation, and what the cache drops."""

import functools
import gc
import weakref

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_attn import backend, explain
from keras_attn.explain.running import cache, fingerprint
from tests.cases.explained import Telling

compiled = pytest.mark.skipif(
    not backend.COMPILES, reason="PyTorch does not compile"
)


def network(activation=None):
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, name="conv", activation="relu")(inputs)
    x = Telling(name="telling")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(
        inputs, layers.Dense(3, activation=activation, name="scores")(x)
    )


def same_weights(model, other):
    other.set_weights(model.get_weights())
    return other


def some(count=4):
    return np.random.default_rng(0).random((count, 8, 8, 1), "float32")


class Weighted:
    """A score with a number that may change."""

    def __init__(self, weights):
        self.weights = weights

    def __call__(self, outputs):
        return ops.sum(outputs * ops.convert_to_tensor(self.weights), axis=1)


INDEX = 0


@pytest.mark.filterwarnings("ignore:Some maps")
class TestAnswers:
    """After a change, results are those of a fresh computation."""

    def test_of_a_score_whose_attribute_changed(self):
        cam = explain.HiResCAM(network())
        score = Weighted([1.0, -1.0, 0.0])
        first = cam(some(), score)
        score.weights = [-1.0, 1.0, 0.0]
        expected = cam(some(), lambda y: y[:, 1] - y[:, 0])
        np.testing.assert_allclose(cam(some(), score), expected, atol=1e-6)
        assert np.abs(first - expected).max() > 0.1

    def test_of_a_score_whose_array_changed(self):
        cam = explain.HiResCAM(network())
        weights = np.array([1.0, -1.0, 0.0], "float32")

        def score(outputs):
            return ops.matmul(outputs, ops.convert_to_tensor(weights))

        cam(some(), score)
        weights *= -1.0
        found = cam(some(), score)
        expected = cam(some(), lambda y: y[:, 1] - y[:, 0])
        np.testing.assert_allclose(found, expected, atol=1e-6)

    @pytest.mark.once
    def test_of_a_score_that_uses_a_global(self, monkeypatch):
        cam = explain.HiResCAM(network())

        def score(outputs):
            return outputs[:, INDEX] - outputs[:, 2]

        cam(some(), score)
        monkeypatch.setitem(globals(), "INDEX", 1)
        expected = cam(some(), lambda y: y[:, 1] - y[:, 2])
        np.testing.assert_allclose(cam(some(), score), expected, atol=1e-6)

    @pytest.mark.once
    def test_of_a_score_with_its_own_weights(self):
        cam = explain.HiResCAM(network())
        probe = layers.Dense(1, use_bias=False)
        probe.build((None, 3))

        def score(outputs):
            return probe(outputs)[:, 0]

        probe.set_weights([np.array([[1.0], [-1.0], [0.0]])])
        cam(some(), score)
        probe.set_weights([np.array([[-1.0], [1.0], [0.0]])])
        expected = cam(some(), lambda y: y[:, 1] - y[:, 0])
        np.testing.assert_allclose(cam(some(), score), expected, atol=1e-6)

    @pytest.mark.once
    def test_of_a_layer_with_a_replaced_activation(self):
        model = network()
        cam = explain.HiResCAM(model, "conv")
        first = cam(some(), 0)
        model.get_layer("conv").activation = keras.activations.tanh
        other = network()
        other.get_layer("conv").activation = keras.activations.tanh
        expected = explain.HiResCAM(same_weights(model, other), "conv")
        found = cam(some(), 0)
        np.testing.assert_allclose(found, expected(some(), 0), atol=1e-6)
        assert np.abs(first - found).max() > 1e-3

    @pytest.mark.once
    def test_of_a_model_to_which_a_softmax_was_added(self):
        model = network()
        cam = explain.CAM(model)
        expected = cam(some(), [0, 1, 2, 0])
        model.get_layer("scores").activation = keras.activations.softmax
        found = cam(some(), [0, 1, 2, 0])
        # Scores before a softmax, as they always were.
        np.testing.assert_allclose(found, expected, atol=1e-6)
        scores = explain.Network(model).trace(cam.network.check(some()))
        assert scores.final.operation is model.get_layer("scores")

    @pytest.mark.once
    def test_of_another_reshape(self):
        model = network()
        maps = [
            explain.HiResCAM(
                model, "conv", reshape=lambda x, i=i: ops.roll(x, i, axis=1)
            )(some(), 0)
            for i in (0, 2)
        ]
        assert np.abs(maps[0] - maps[1]).max() > 0.1


@compiled
@pytest.mark.filterwarnings("ignore:Some maps")
class TestCompiled:
    def test_once_for_all_objects_of_a_model(self):
        model = network()
        explain.GradCAM(model)(some(), 0)
        Telling.told.clear()
        for _ in range(3):
            explain.GradCAM(model)(some(), 1)
            explain.GradCAM(explain.Network(model))(some(), 2)
        assert not Telling.told

    @pytest.mark.once
    def test_once_for_scores_that_do_the_same(self):
        cam = explain.GradCAM(network())
        cam(some(), lambda y: y[:, 0])
        Telling.told.clear()
        for index in (0, 1, 0, 1):
            cam(some(), lambda y, index=index: y[:, index])
        assert len(Telling.told) == 2

    @pytest.mark.once
    def test_once_for_similar_numbers_of_images(self):
        cam = explain.GradCAM(network())
        whole = cam(some(8), 0)
        Telling.told.clear()
        for count in (7, 8, 7):
            np.testing.assert_allclose(
                cam(some(8)[:count], 0), whole[:count], atol=1e-5
            )
        assert not Telling.told

    def test_once_for_a_score_with_state(self):
        seen = []

        def score(outputs):
            seen.append(outputs.shape)
            return outputs[:, 0]

        explain.GradCAM(network(), "conv")(some(), score, batch_size=1)
        assert len(seen) == 1


class TestForgotten:
    def test_with_its_model(self):
        model = network("softmax")
        for method in ("GradCAM", "ScoreCAM", "EigenCAM", "ConceptorCAM"):
            getattr(explain, method)(model)(some(1))
        explain.attention_maps(with_gates(), some(1))
        gone = weakref.ref(model)
        del model
        gc.collect()
        assert gone() is None

    def test_after_many_others(self, monkeypatch):
        monkeypatch.setattr(cache, "LIMIT", 3)
        model = network()
        made = []

        def remember(key):
            cache.remembered(model, key, lambda: made.append(key))

        for key in (1, 2, 3, 1, 4, 1, 2):
            remember(key)
        assert made == [1, 2, 3, 4, 2]
        assert len(cache._entries) <= 3


def with_gates():
    inputs = keras.Input((8, 8, 1))
    from keras_attn.layers import ECA

    x = ECA()(layers.Conv2D(4, 3)(inputs))
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x))


@pytest.mark.once
class TestFingerprint:
    def test_is_that_of_what_is_read(self):
        def of(index, other=1.0):
            return fingerprint.of(lambda y: y[:, index] * other)

        assert of(0) == of(0) != of(1)
        assert of(0, np.ones(3)) == of(0, np.ones(3)) != of(0, np.zeros(3))
        assert of(float("nan")) == of(float("nan"))
        assert of(True) != of(1)
        assert fingerprint.of(lambda y: y) != fingerprint.of(lambda y: -y)

    def test_knows_partial_functions_and_methods(self):
        def function(y, index):
            return y[:, index]

        parts = [functools.partial(function, index=i) for i in (0, 0, 1)]
        first, same, other = map(fingerprint.of, parts)
        assert first == same != other
        scores = [Weighted([1.0]), Weighted([1.0]), Weighted([2.0])]
        for make in (lambda x: x, lambda x: x.__call__):
            first, same, other = (fingerprint.of(make(x)) for x in scores)
            assert first == same != other

    def test_ends_where_an_object_holds_itself(self):
        score = Weighted([1.0])
        score.weights.append(score)
        assert fingerprint.of(score) == fingerprint.of(score)

    def test_of_opaque_objects_is_their_identity(self):
        one, other = object(), object()
        assert fingerprint.of(one) == fingerprint.of(one)
        assert fingerprint.of(one) != fingerprint.of(other)

    def test_of_a_model_is_the_same_after_training(self):
        model = network()
        before = fingerprint.of_model(model)
        model.compile("sgd", "mse")
        model.fit(some(), np.zeros((4, 3)), verbose=0)
        model.predict(some(), verbose=0)
        assert fingerprint.of_model(model) == before
        model.get_layer("telling").mine = 1
        assert fingerprint.of_model(model) != before
