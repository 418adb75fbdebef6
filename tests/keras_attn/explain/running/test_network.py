import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_attn import explain
from tests.cases import explained
from tests.cases.explained import (
    TARGETS,
    Telling,
    assert_same,
    golden,
    snapshot,
)


def telling():
    inputs = keras.Input(explained.SIZE)
    steps = [Telling(name="telling"), *explained.steps(), *explained.head()]
    return explained.load(keras.Model(inputs, explained.chain(inputs, steps)))


class TestCompiling:
    def test_once_for_the_same_shapes(self):
        cam = explain.GradCAM(telling())
        images = explained.images()
        first = cam(images)
        Telling.told.clear()
        second = cam(images[::-1].copy(), [0, 1, 2])
        again = cam(images * 0.5, [2, 2, 0])
        # PyTorch runs Python each time. The others compile one function for
        # given classes, and none for other numbers.
        expected = {"torch": 2, "jax": 1, "tensorflow": 1}
        assert len(Telling.told) == expected[keras.backend.backend()]
        assert first.shape == second.shape == again.shape

    def test_all_batches_have_the_same_size(self):
        cam = explain.GradCAM(telling())
        images = np.concatenate([explained.images()] * 3)[:7]
        cam(images, 0, batch_size=4)
        Telling.told.clear()
        cam(images, 0, batch_size=4)
        expected = {"torch": 2, "jax": 0, "tensorflow": 0}
        assert len(Telling.told) == expected[keras.backend.backend()]

    def test_new_weights_are_seen(self):
        model = explained.functional()
        cam = explain.GradCAM(model)
        before = cam(explained.images(), TARGETS)
        fc = model.get_layer("fc")
        kernel, bias = fc.get_weights()
        fc.set_weights([-kernel, bias])
        after = cam(explained.images(), TARGETS)
        assert np.abs(before - after).max() > 0.5


class TestNoTrace:
    def test_after_an_exception_in_the_model(self):
        model = telling()
        cam = explain.GradCAM(model)
        before = snapshot(model)
        Telling.fails = True
        try:
            with pytest.raises(RuntimeError, match="told to fail"):
                cam(explained.images(), TARGETS)
        finally:
            Telling.fails = False
        assert_same(before, snapshot(model))

    @pytest.mark.once
    def test_after_an_exception_in_a_target(self):
        model = explained.functional()
        before = snapshot(model)

        def target(outputs):
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            explain.GradCAM(model)(explained.images(), target)
        assert_same(before, snapshot(model))

    def test_a_compiled_model_trains_on(self):
        model = explained.functional()
        model.compile("sgd", "mse")
        images, targets = explained.images(), np.zeros((3, 5), "float32")
        first = model.evaluate(images, targets, verbose=0)
        explain.GradCAM(model)(images)
        assert model.evaluate(images, targets, verbose=0) == first
        model.fit(images, targets, epochs=1, verbose=0)
        maps = explain.GradCAM(model)(images)
        assert np.isfinite(maps).all()

    def test_dropout_and_batch_normalization_rest(self):
        inputs = keras.Input(explained.SIZE)
        steps = [*explained.steps(), layers.BatchNormalization()]
        steps += [layers.Dropout(0.5, seed=0), *explained.head()]
        model = keras.Model(inputs, explained.chain(inputs, steps))
        before = snapshot(model)
        cam = explain.GradCAM(model, "relu2")
        maps = cam(explained.images(), aug_smooth=True)
        np.testing.assert_array_equal(
            maps, cam(explained.images(), aug_smooth=True)
        )
        assert_same(before, snapshot(model))


@keras.saving.register_keras_serializable("tests")
class Hidden(keras.Model):
    """Computes probabilities in a way that cannot be detected."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.body = explained.functional()

    def call(self, x):
        return ops.softmax(self.body(x))


@pytest.mark.once
class TestProbabilities:
    def test_of_an_unknown_source_raise_a_warning(self):
        model = Hidden()
        model(explained.images())
        with pytest.warns(UserWarning, match="looks like probabilities"):
            explain.GradCAM(model, "relu2")(explained.images())

    def test_are_not_what_is_explained(self):
        # A class that is almost certain has no gradient after softmax.
        model = explained.functional("softmax")
        fc = model.get_layer("fc")
        kernel, bias = fc.get_weights()
        bias[2] += 1e4
        fc.set_weights([kernel, bias])
        maps = explain.GradCAM(model)(explained.images(), TARGETS)
        np.testing.assert_allclose(maps, golden()["y_GradCAM"], atol=1e-4)

    @pytest.mark.parametrize("how", ["activation", "operation"])
    def test_are_not_taken_for_their_logarithms(self, how):
        plain = explained.functional("softmax")
        if how == "activation":
            model = explained.functional("log_softmax")
        else:
            model = explained.ending_in(keras.ops.log_softmax)
        images = explained.images()
        maps = np.random.default_rng(0).random(images.shape[:3], "float32")
        expected = explain.average_drop(plain, images, maps, [4, 1, 3])
        assert expected > 1
        found = explain.average_drop(model, images, maps, [4, 1, 3])
        np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.once
class TestOutputs:
    def test_need_a_choice(self):
        model = explained.several_outputs()
        with pytest.raises(ValueError, match="several outputs.*Received"):
            explain.GradCAM(model)(explained.images())

    def test_may_be_chosen_by_a_callable(self):
        model = explained.several_outputs()
        target = explain.GradCAM(model)(
            explained.images(), lambda outputs: outputs[1][:, 4]
        )
        by_name = explain.GradCAM(model, output="fc")(explained.images(), 4)
        np.testing.assert_allclose(target, by_name, atol=1e-6)

    @pytest.mark.parametrize("output", [2, "nowhere"])
    def test_that_are_unknown_are_refused(self, output):
        model = explained.several_outputs()
        with pytest.raises(ValueError, match="`output` must be"):
            explain.GradCAM(model, output=output)(explained.images())
