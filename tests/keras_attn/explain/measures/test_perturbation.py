import functools

import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.explain.measures.baselines import baselines
from keras_attn.explain.measures.perturbation import deletion, insertion
from keras_attn.explain.running.network import Network
from keras_attn.explain.running.targets import MaskedMean
from tests.cases.explained import assert_same, snapshot
from tests.cases.linear import linear_model, probabilities, scaled_mean

pytestmark = pytest.mark.once

SIZE, CHANNELS, CLASSES = (3, 4), 2, 3
BOTH = pytest.mark.parametrize("function", [deletion, insertion])


def linear(first=False):
    shape = (*SIZE, CHANNELS)
    return linear_model(shape, CLASSES, deviation=0.5, first=first)


@functools.cache
def network():
    """Returns one network for all tests, to compile it once."""
    return Network(linear())


def some(count=3):
    generator = np.random.default_rng(0)
    images = generator.normal(size=(count, *SIZE, CHANNELS)).astype("float32")
    # With ties.
    return images, generator.integers(0, 5, (count, *SIZE)) / 4


def by_hand(model, image, heatmap, steps, baseline, index, inserted=False):
    """Returns area and curve, replacing pixels one by one."""
    height, width = heatmap.shape
    places = [(i, j) for i in range(height) for j in range(width)]
    # Python sorts stably.
    places = sorted(places, key=lambda place: -heatmap[place])
    start, end = image, np.broadcast_to(baseline, image.shape)
    if inserted:
        start, end = end, start
    now, done, fractions, curve = np.array(start, "float64"), 0, [], []
    for step in range(steps + 1):
        while done < (step * len(places)) // steps:
            now[places[done]] = end[places[done]]
            done += 1
        fractions.append(done / len(places))
        curve.append(probabilities(model, now[None])[0, index])
    area = 0.0
    for i in range(steps):
        width = fractions[i + 1] - fractions[i]
        area += width * (curve[i] + curve[i + 1]) / 2
    return area, curve


def check(function, steps=4, baseline=0.0, classes=None, **kwargs):
    """Compares areas and curves with those of `by_hand`."""
    model, (images, heatmaps) = network().model, some()
    if classes is None:
        classes = probabilities(model, images).argmax(axis=1)
        # Different classes, or nothing would be tested.
        assert len(set(classes)) > 1
    else:
        kwargs["targets"] = classes
    kwargs |= {"steps": steps, "baseline": baseline, "return_curve": True}
    areas, curves = function(network(), images, heatmaps, **kwargs)
    assert areas.shape == (3,) and curves.shape == (3, steps + 1)
    for i in range(3):
        behind = baseline[i] if np.ndim(baseline) == 4 else baseline
        given = images[i], heatmaps[i], steps, behind, classes[i]
        expected = by_hand(model, *given, function is insertion)
        np.testing.assert_allclose(areas[i], expected[0], rtol=1e-5)
        np.testing.assert_allclose(curves[i], expected[1], rtol=1e-5)


@BOTH
class TestAreas:
    # 12 pixels in equal steps, in unequal steps, and in steps of 0 or 1.
    @pytest.mark.parametrize("steps", [1, 5, 12, 30])
    def test_are_those_by_hand(self, function, steps):
        check(function, steps)

    @pytest.mark.parametrize(
        "baseline",
        [
            0.7,
            -2,
            np.array([0.5, -1.0]),
            np.random.default_rng(2).normal(size=(*SIZE, CHANNELS)),
            np.random.default_rng(3).normal(size=(3, *SIZE, CHANNELS)),
        ],
        ids=["number", "integer", "color", "image", "images"],
    )
    def test_take_any_baseline(self, function, baseline):
        check(function, baseline=baseline)

    def test_take_the_blurred_images(self, function):
        model, given = network(), some()
        blurred = baselines("blur", model.check(given[0]))
        np.testing.assert_array_equal(
            function(model, *given, baseline="blur"),
            function(model, *given, baseline=blurred),
        )

    def test_are_of_the_classes_that_are_given(self, function):
        check(function, classes=[2, 0, 1])

    @pytest.mark.parametrize("batch_size", [1, 4, 100])
    def test_do_not_depend_on_the_batches(self, function, batch_size):
        check(function, batch_size=batch_size)

    @pytest.mark.parametrize("batch_size", [1, 4])
    def test_run_no_more_images_than_fit(self, function, batch_size):
        seen = []

        def score(outputs):
            seen.append(outputs.shape[0])
            return outputs[:, 0]

        function(linear(), *some(), score, batch_size, steps=9)
        assert max(seen) == batch_size

    def test_are_returned_without_the_curves(self, function):
        model, given = network(), some()
        found = function(model, *given)
        areas, curves = function(model, *given, return_curve=True)
        assert found.shape == (3,) and curves.shape == (3, 51)
        assert found.dtype == curves.dtype == "float64"
        np.testing.assert_array_equal(found, areas)

    def test_of_equal_heat_go_in_raster_order(self, function):
        model, (images, _) = network(), some()
        heat = np.arange(12)[::-1].reshape(1, *SIZE).repeat(3, 0) / 11
        expected = function(model, images, heat, steps=12)
        found = function(model, images, np.zeros((3, *SIZE)), steps=12)
        np.testing.assert_array_equal(found, expected)

    def test_are_the_same_for_channels_first(self, function):
        last, first, (images, heatmaps) = linear(), linear(True), some()
        first.set_weights(last.get_weights())
        moved = np.moveaxis(images, -1, 1)
        for baseline, other in [
            (0.0, 0.0),
            ("blur", "blur"),
            (np.array([0.5, -1.0]), np.array([0.5, -1.0])[:, None, None]),
        ]:
            expected = function(last, images, heatmaps, baseline=baseline)
            found = function(first, moved, heatmaps, baseline=other)
            np.testing.assert_allclose(found, expected, rtol=1e-5)

    def test_leave_other_inputs_as_they_are(self, function):
        model = scaled_mean()
        images = np.ones((2, 2, 2, 1), "float32")
        factors = np.array([[3.0], [-1.0]], "float32")
        _, curves = function(
            model,
            {"image": images, "factor": factors},
            np.zeros((2, 2, 2)),
            steps=4,
            baseline=0.0,
            return_curve=True,
        )
        seen = np.arange(5) / 4
        seen = seen if function is insertion else 1 - seen
        expected = 1 / (1 + np.exp(-factors * seen))
        np.testing.assert_allclose(curves, expected, rtol=1e-5)

    def test_take_a_callable_instead_of_the_probability(self, function):
        model, given = network(), some()
        first, second = (function(model, *given, index) for index in (0, 1))
        found = function(model, *given, lambda y: ops.sum(y[:, :2], axis=1), 7)
        np.testing.assert_allclose(found, first + second, rtol=1e-5)

    def test_take_the_mean_over_a_region(self, function):
        inputs = keras.Input((*SIZE, CHANNELS))
        layer = keras.layers.Conv2D(CLASSES, 1, activation="softmax")
        model, (images, _) = keras.Model(inputs, layer(inputs)), some()
        masks = np.random.default_rng(1).random((3, *SIZE)) > 0.5
        # The region comes last; half of the pixels change at a time.
        heatmaps = (~masks).astype("float32")
        whole, blank = (
            [x[mask].mean() for x, mask in zip(y[..., 1], masks, strict=True)]
            for y in (model.predict(x, verbose=0) for x in (images, images * 0))
        )
        _, curves = function(
            model,
            images,
            heatmaps,
            MaskedMean(1, masks),
            5,
            steps=12,
            baseline=0.0,
            return_curve=True,
        )
        ends = (blank, whole) if function is insertion else (whole, blank)
        for curve, mask, start, end in zip(curves, masks, *ends, strict=True):
            outside = (~mask).sum()
            np.testing.assert_allclose(curve[: outside + 1], start, rtol=1e-5)
            np.testing.assert_allclose(curve[-1], end, rtol=1e-5)
            assert abs(curve[outside + 1] - start) > 1e-4

    def test_explain_the_output_that_is_chosen(self, function):
        inputs = keras.Input((*SIZE, CHANNELS))
        parts = [linear()(inputs), keras.layers.Flatten()(inputs)]
        model, given = keras.Model(inputs, parts), some()
        found = function(model, *given, output=0)
        np.testing.assert_array_equal(found, function(linear(), *given))

    def test_take_the_network_of_a_cam(self, function):
        model, given = linear(), some()
        found = function(Network(model), *given)
        np.testing.assert_array_equal(found, function(model, *given))

    def test_do_not_change_anything(self, function):
        model, (images, heatmaps) = linear(), some()
        before, copies = snapshot(model), (images.copy(), heatmaps.copy())
        function(model, images, heatmaps)
        assert (images == copies[0]).all() and (heatmaps == copies[1]).all()
        assert_same(before, snapshot(model))

    @pytest.mark.parametrize("steps", [0, -1, 2.0, None])
    def test_reject_invalid_steps(self, function, steps):
        message = f"`steps` must be a positive integer. Received: steps={steps}"
        with pytest.raises(ValueError, match=message):
            function(network(), *some(), steps=steps)

    def test_reject_invalid_models_and_targets(self, function):
        model, (images, heatmaps) = linear(), some()
        with pytest.raises(ValueError, match="`model` must be a keras.Model"):
            function("model", images, heatmaps)
        with pytest.raises(ValueError, match="`images` must be a batch"):
            function(model, images[0], heatmaps)
        with pytest.raises(ValueError, match="one map per image, of the"):
            function(model, images, heatmaps[:2])
        with pytest.raises(ValueError, match=r"in \[0, 1\]"):
            function(model, images, heatmaps + 1)
        with pytest.raises(ValueError, match="`targets` must be from 0 to 2"):
            function(model, images, heatmaps, 3)


def bright():
    """Returns a model of the mean, an image with a bright corner, and a map."""
    inputs = keras.Input((6, 6, 1))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    image, heatmap = np.zeros((1, 6, 6, 1)), np.zeros((1, 6, 6))
    image[:, :3, :3], heatmap[:, :3, :3] = 8.0, 1.0
    return keras.Model(inputs, x), image, heatmap


class TestMaps:
    def test_a_right_one_is_better_than_a_wrong_one(self):
        model, image, heatmap = bright()
        noise = np.random.default_rng(0).random(heatmap.shape)
        for baseline in (0.0, "blur"):
            right, any_, wrong = (
                [
                    f(model, image, m, baseline=baseline)[0]
                    for f in (deletion, insertion)
                ]
                for m in (heatmap, noise, 1 - heatmap)
            )
            assert right[0] < any_[0] < wrong[0]
            assert right[1] > any_[1] > wrong[1]

    def test_a_right_one_has_the_area_of_its_corner(self):
        model, image, heatmap = bright()
        found = insertion(model, image, heatmap, steps=4, baseline=0.0)
        top = 1 / (1 + np.exp(-2.0))
        expected = 0.25 * (0.5 + top) / 2 + 0.75 * top
        np.testing.assert_allclose(found, expected, rtol=1e-6)

    def test_inserting_is_deleting_backwards(self):
        model, (images, _) = network(), some()
        heat = np.random.default_rng(5).permuted(np.arange(36.0))
        heat = heat.reshape(3, *SIZE) / 35
        kwargs = {"steps": 6, "baseline": 0.3, "return_curve": True}
        _, there = deletion(model, images, heat, **kwargs)
        _, back = insertion(model, images, 1 - heat, **kwargs)
        np.testing.assert_allclose(back[:, ::-1], there, rtol=1e-5)

    def test_are_inserted_into_the_blurred_image_by_default(self):
        model, given = network(), some()
        np.testing.assert_array_equal(
            insertion(model, *given), insertion(model, *given, baseline="blur")
        )
        np.testing.assert_array_equal(
            deletion(model, *given), deletion(model, *given, baseline=0.0)
        )
