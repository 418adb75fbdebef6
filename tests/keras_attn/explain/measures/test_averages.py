import functools

import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.explain.measures.averages import (
    average_drop,
    average_increase,
)
from keras_attn.explain.running.network import Network
from keras_attn.explain.running.targets import MaskedMean
from tests.cases import explained
from tests.cases.linear import (
    linear_model,
    probabilities,
    scores_of,
)

pytestmark = pytest.mark.once

SIZE, CHANNELS, CLASSES = (4, 5), 2, 3
MEASURES = pytest.mark.parametrize("measure", [average_drop, average_increase])


def linear(activation="softmax", classes=CLASSES, first=False):
    shape = (*SIZE, CHANNELS)
    return linear_model(shape, classes, activation, first=first)


@functools.cache
def network():
    """Returns one network for all tests, to compile it once."""
    return Network(linear())


def some(count=7):
    generator = np.random.default_rng(0)
    images = generator.normal(size=(count, *SIZE, CHANNELS)).astype("float32")
    return images, generator.random((count, *SIZE)).astype("float32")


def by_hand(model, images, heatmaps, classes=None):
    """Returns drop and increase in float64, image by image."""
    before = probabilities(model.model, images)
    after = probabilities(model.model, images * heatmaps[..., None])
    if classes is None:
        classes = before.argmax(axis=1)
    drop = increase = 0.0
    for i, c in enumerate(classes):
        drop += max(0.0, before[i, c] - after[i, c]) / before[i, c]
        increase += after[i, c] > before[i, c]
    return 100 * drop / len(images), 100 * increase / len(images)


def mean_model(kernel, activation="sigmoid"):
    """Makes a model of the mean of each channel."""
    kernel = np.asarray(kernel, "float32")
    inputs = keras.Input((2, 2, len(kernel)))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    dense = keras.layers.Dense(kernel.shape[1], activation, use_bias=False)
    model = keras.Model(inputs, dense(x))
    dense.set_weights([kernel])
    return model


class TestDropAndIncrease:
    @pytest.mark.parametrize("classes", [None, [2, 2, 1, 1, 0, 0, 1]])
    def test_are_their_formulas(self, classes):
        model, (images, heatmaps) = network(), some()
        drop, increase = by_hand(model, images, heatmaps, classes)
        found = average_drop(model, images, heatmaps, classes)
        assert isinstance(found, float) and 5 < drop < 95
        assert found == pytest.approx(drop, rel=1e-5)
        found = average_increase(model, images, heatmaps, classes)
        assert isinstance(found, float) and 5 < increase < 95
        assert found == pytest.approx(increase)

    @pytest.mark.parametrize("batch_size", [1, 3, 100])
    def test_do_not_depend_on_the_batches(self, batch_size):
        model, (images, heatmaps) = network(), some()
        drop, increase = by_hand(model, images, heatmaps)
        arguments = model, images, heatmaps, None, batch_size
        assert average_drop(*arguments) == pytest.approx(drop, rel=1e-5)
        assert average_increase(*arguments) == pytest.approx(increase)

    @MEASURES
    def test_run_no_more_images_than_fit(self, measure):
        seen = []

        def score(outputs):
            seen.append(outputs.shape[0])
            return outputs[:, 0]

        measure(linear(), *some(), score, 3)
        assert max(seen) == 3

    def test_explain_one_class_by_its_index(self):
        model, (images, heatmaps) = network(), some()
        drop, _ = by_hand(model, images, heatmaps, [2] * 7)
        found = average_drop(model, images, heatmaps, 2)
        assert found == pytest.approx(drop, rel=1e-5)

    def test_follow_the_class_of_the_original_image(self):
        # On the masked image, the other class is ahead.
        model = mean_model([[4.0, 0.0], [0.0, 2.0]], "softmax")
        images = np.ones((1, 2, 2, 2), "float32")
        images[0, 0, 0, 0] = 0.0
        heatmap = np.array([[[1.0, 0.0], [0.0, 0.0]]])
        before = 1 / (1 + np.exp(2.0 - 3.0))
        after = 1 / (1 + np.exp(0.5 - 0.0))
        found = average_drop(model, images, heatmap)
        assert found == pytest.approx(100 * (before - after) / before, rel=1e-5)

    def test_follow_the_highest_score_where_probabilities_are_rounded(self):
        # In float32, both probabilities are 1.
        model = mean_model([[50.0, 0.0], [0.0, 60.0]])
        images = np.ones((1, 2, 2, 2), "float32")
        images[0, ..., 0] = [[4.0, 0.0], [0.0, 0.0]]
        heatmap = np.array([[[1.0, 0.0], [0.0, 0.0]]]) * 0.01
        expected = 1 - 1 / (1 + np.exp(-60 * 0.0025))
        found = average_drop(model, images, heatmap)
        assert found == pytest.approx(100 * expected, rel=1e-4)

    @pytest.mark.parametrize("softmax", [None, "softmax"])
    def test_take_probabilities_whether_the_model_does_or_not(self, softmax):
        model, (images, heatmaps) = Network(linear(softmax)), some()
        drop, increase = by_hand(model, images, heatmaps)
        found = average_drop(model, images, heatmaps)
        assert found == pytest.approx(drop, rel=1e-5)
        found = average_increase(model, images, heatmaps)
        assert found == pytest.approx(increase)

    @pytest.mark.parametrize("sigmoid", [None, "sigmoid"])
    def test_take_the_sigmoid_of_a_single_score(self, sigmoid):
        model = Network(linear(sigmoid, classes=1))
        images, heatmaps = some()
        masked = images * heatmaps[..., None]
        before, after = (
            1 / (1 + np.exp(-scores_of(model.model, x)[:, 0]))
            for x in (images, masked)
        )
        if sigmoid:
            # A single sigmoid unit decides between two classes.
            is_second = before > 0.5
            after = np.where(is_second, after, 1 - after)
            before = np.where(is_second, before, 1 - before)
        expected = 100 * np.mean(np.maximum(before - after, 0) / before)
        found = average_drop(model, images, heatmaps)
        assert found == pytest.approx(expected, rel=1e-5)

    def test_of_a_map_of_ones_are_0(self):
        model, (images, heatmaps) = network(), some()
        assert average_drop(model, images, heatmaps * 0 + 1) == 0
        assert average_increase(model, images, heatmaps * 0 + 1) == 0

    def test_a_probability_of_0_cannot_drop(self):
        model = mean_model([[1000.0]])
        images = np.array([-1.0, 0.0], "float32")[:, None, None, None]
        images = np.broadcast_to(images, (2, 2, 2, 1))
        heatmaps = np.zeros((2, 2, 2))
        assert average_drop(model, images, heatmaps, 1) == 0
        assert average_increase(model, images, heatmaps, 1) == 50

    def test_a_negative_score_cannot_drop(self):
        model = mean_model([[1.0]], None)
        images = np.array([-1.0, 2.0], "float32")[:, None, None, None]
        images = np.broadcast_to(images, (2, 2, 2, 1))
        heatmaps = np.stack([np.ones((2, 2)), np.eye(2)])
        found = average_drop(model, images, heatmaps, lambda y: y[:, 0])
        assert found == 25

    def test_take_a_callable_instead_of_the_probability(self):
        model, (images, heatmaps) = network(), some()
        before = probabilities(model.model, images)[:, :2].sum(axis=1)
        masked = images * heatmaps[..., None]
        after = probabilities(model.model, masked)[:, :2].sum(axis=1)
        expected = 100 * np.mean(np.maximum(before - after, 0) / before)

        def either(outputs):
            return ops.sum(outputs[:, :2], axis=1)

        found = average_drop(model, images, heatmaps, either, 3)
        assert found == pytest.approx(expected, rel=1e-5)

    def test_take_the_mean_over_a_region(self):
        inputs = keras.Input((*SIZE, CHANNELS))
        layer = keras.layers.Conv2D(CLASSES, 1, activation="softmax")
        model, (images, heatmaps) = keras.Model(inputs, layer(inputs)), some()
        masks = np.random.default_rng(1).random((7, *SIZE)) > 0.5
        y, o = (
            model.predict(x, verbose=0)[..., 1][masks]
            for x in (images, images * heatmaps[..., None])
        )
        start, drop = 0, 0.0
        for count in masks.sum(axis=(1, 2)):
            part = slice(start, start := start + count)
            drop += max(0.0, 1 - o[part].mean() / y[part].mean())
        found = average_drop(model, images, heatmaps, MaskedMean(1, masks), 3)
        assert drop > 0 and found == pytest.approx(100 * drop / 7, rel=1e-4)

    def test_are_the_same_for_channels_first(self):
        last, first, (images, heatmaps) = linear(), linear(first=True), some()
        first.set_weights(last.get_weights())
        moved = np.moveaxis(images, -1, 1)
        for measure in (average_drop, average_increase):
            expected = measure(last, images, heatmaps)
            found = measure(first, moved, heatmaps)
            assert found == pytest.approx(expected, rel=1e-5)

    def test_leave_other_inputs_as_they_are(self):
        image, other = keras.Input((2, 2, 1)), keras.Input((1,))
        x = keras.layers.GlobalAveragePooling2D()(image)
        y = keras.layers.Multiply()([x, other])
        model = keras.Model([other, image], y)
        images = np.ones((2, 2, 2, 1), "float32")
        factors = np.array([[3.0], [-1.0]], "float32")
        heatmaps = np.full((2, 2, 2), 0.5)
        before, after = (1 / (1 + np.exp(-x)) for x in (3.0, 1.5))
        expected = 100 * (before - after) / before / 2
        found = average_drop(model, [factors, images], heatmaps)
        assert found == pytest.approx(expected, rel=1e-5)
        found = average_increase(model, [factors, images], heatmaps)
        assert found == 50

    @MEASURES
    def test_explain_the_output_that_is_chosen(self, measure):
        inputs = keras.Input((*SIZE, CHANNELS))
        parts = [linear()(inputs), linear(classes=2)(inputs)]
        model, given = keras.Model(inputs, parts), some()
        alone = keras.Model(inputs, parts[1])
        assert measure(model, *given, output=1) == measure(alone, *given)
        with pytest.raises(ValueError, match="several outputs.*output=None"):
            measure(model, *given)

    @MEASURES
    def test_take_the_network_of_a_cam(self, measure):
        model, given = linear(), some()
        network = Network(model)
        expected = measure(model, *given)
        assert measure(network, *given) == expected
        assert measure(network, *given) == expected
        with pytest.raises(ValueError, match="passed to the Network"):
            measure(network, *given, output=0)

    def test_take_integers_and_tensors(self):
        model, (images, heatmaps) = network(), some()
        images = np.rint(images * 2)
        expected = average_drop(model, images, heatmaps > 0.5)
        found = average_drop(
            model,
            ops.convert_to_tensor(images.astype("int32")),
            ops.convert_to_tensor((heatmaps > 0.5).astype("float32")),
        )
        assert found == expected > 0

    @MEASURES
    def test_do_not_change_anything(self, measure):
        model, (images, heatmaps) = linear(), some()
        before = explained.snapshot(model)
        copies = images.copy(), heatmaps.copy()
        measure(model, images, heatmaps)
        assert (images == copies[0]).all() and (heatmaps == copies[1]).all()
        explained.assert_same(before, explained.snapshot(model))

    @MEASURES
    def test_reject_invalid_models_and_targets(self, measure):
        model, (images, heatmaps) = linear(), some()
        with pytest.raises(ValueError, match="`model` must be a keras.Model"):
            measure("model", images, heatmaps)
        with pytest.raises(ValueError, match="`images` must be a batch"):
            measure(model, images[0], heatmaps)
        with pytest.raises(ValueError, match="`batch_size` must be a positive"):
            measure(model, images, heatmaps, batch_size=0)
        with pytest.raises(ValueError, match="`targets` must be from 0 to 2"):
            measure(model, images, heatmaps, 3)

    @MEASURES
    @pytest.mark.parametrize("shape", [(6, 4, 5), (7, 5, 4), (7, 2, 2)])
    def test_refuse_maps_of_other_sizes(self, measure, shape):
        message = r"one map per image.* \(7, 4, 5\). Received: shape \("
        with pytest.raises(ValueError, match=message):
            measure(network(), some()[0], np.zeros(shape))
