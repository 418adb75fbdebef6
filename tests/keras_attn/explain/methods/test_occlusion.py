import functools

import keras
import numpy as np
import pytest

from keras_attn.backend import COMPILES
from keras_attn.explain.methods.occlusion import occlusion_sensitivity
from keras_attn.explain.running.network import Network
from keras_attn.explain.running.targets import MaskedMean
from tests.cases.explained import assert_same, snapshot
from tests.cases.linear import linear_model, scaled_mean
from tests.cases.linear import probabilities as linear_probabilities
from tests.contracts.devices import FORMATS, format_error, to_format

pytestmark = pytest.mark.once

SIZE, CHANNELS, CLASSES = (5, 7), 2, 3


def linear(data_format="channels_last"):
    first = data_format == "channels_first"
    return linear_model((*SIZE, CHANNELS), CLASSES, first=first)


@functools.cache
def network():
    """Returns one network for all tests, to compile it once."""
    return Network(linear())


def some(count=3):
    generator = np.random.default_rng(0)
    # Not around 0, so that the fill value matters.
    images = generator.normal(0.5, 1.0, (count, *SIZE, CHANNELS))
    return images.astype("float32")


def probabilities(image):
    return linear_probabilities(network().model, image[None])[0]


def starts(length, side, step):
    """Returns the starts of all squares that fit, and of the last one."""
    return sorted({*range(0, length - side + 1, step), length - side})


def by_hand(image, index, size, stride, color, score=probabilities):
    """Returns the map of one image, and the classes of occluded images."""
    lost, classes = {}, set()
    for top in starts(SIZE[0], size[0], stride[0]):
        for left in starts(SIZE[1], size[1], stride[1]):
            other = image.astype("float64")
            for i, j in np.ndindex(*size):
                other[top + i, left + j] = color
            found = score(other)
            lost[top, left] = score(image)[index] - found[index]
            classes.add(int(np.argmax(found)))
    expected = np.zeros(SIZE)
    for i, j in np.ndindex(*SIZE):
        expected[i, j] = np.mean(
            [
                each
                for (top, left), each in lost.items()
                if 0 <= i - top < size[0] and 0 <= j - left < size[1]
            ]
        )
    return expected, classes


def check(found, images, classes, size, stride, color):
    assert found.shape == (len(images), *SIZE) and found.dtype == "float32"
    for each, image, index in zip(found, images, classes, strict=True):
        expected, _ = by_hand(image, index, size, stride, color)
        np.testing.assert_allclose(each, expected, atol=1e-5)
        assert np.abs(expected).max() > 1e-2


class TestMaps:
    @pytest.mark.parametrize(
        ("size", "stride"),
        [
            ((2, 2), (1, 1)),
            ((2, 3), (2, 2)),
            ((2, 2), (2, 2)),
            ((3, 4), (3, 4)),
            ((4, 1), (3, 1)),
            ((5, 7), (2, 5)),
            ((1, 1), (1, 1)),
        ],
        ids=str,
    )
    def test_are_those_by_hand(self, size, stride):
        classes = [0, 2, 1]
        found = occlusion_sensitivity(
            network(), some(), classes, size=size, stride=stride, value=0.25
        )
        check(found, some(), classes, size, stride, 0.25)

    def test_are_of_the_best_class_of_the_whole_image(self):
        images = some(4)
        best = [int(np.argmax(probabilities(x))) for x in images]
        assert len(set(best)) > 1
        behind = [
            by_hand(x, 0, (4, 4), (1, 1), -0.5)[1] - {index}
            for x, index in zip(images, best, strict=True)
        ]
        # Squares must change the best class, or nothing would be tested.
        assert any(behind)
        found = occlusion_sensitivity(
            network(), images, size=4, stride=1, value=-0.5
        )
        check(found, images, best, (4, 4), (1, 1), -0.5)

    def test_of_one_class_for_all_images(self):
        kwargs = {"size": 3, "value": 0.0}
        np.testing.assert_array_equal(
            occlusion_sensitivity(network(), some(), 1, **kwargs),
            occlusion_sensitivity(network(), some(), [1, 1, 1], **kwargs),
        )

    def test_hide_by_the_mean_of_each_channel_by_default(self):
        images = some() + np.array([0.0, 0.5], "float32")
        best = [int(np.argmax(probabilities(x))) for x in images]
        color = images.reshape(-1, CHANNELS).mean(axis=0)
        found = occlusion_sensitivity(network(), images, best, size=2)
        check(found, images, best, (2, 2), (1, 1), color)

    @pytest.mark.parametrize(
        ("size", "stride"), [(1, 1), (2, 1), (5, 2), ((5, 7), (2, 3))]
    )
    def test_move_by_half_the_size_by_default(self, size, stride):
        np.testing.assert_array_equal(
            occlusion_sensitivity(network(), some(), size=size),
            occlusion_sensitivity(network(), some(), size=size, stride=stride),
        )

    @pytest.mark.parametrize("batch_size", [1, 4, 1000])
    def test_do_not_depend_on_the_batches(self, batch_size):
        found = occlusion_sensitivity(
            network(), some(), [0, 2, 1], batch_size, size=(2, 3), value=0.0
        )
        check(found, some(), [0, 2, 1], (2, 3), (1, 1), 0.0)

    def test_are_of_whole_images_where_the_square_is_one(self):
        image = some(1)
        found = occlusion_sensitivity(network(), image, 2, size=SIZE, value=0)
        lost = probabilities(image[0])[2] - probabilities(0 * image[0])[2]
        np.testing.assert_allclose(found, np.full((1, *SIZE), lost), atol=1e-6)

    @pytest.mark.parametrize("data_format", FORMATS)
    def test_are_the_same_in_both_formats(self, data_format):
        if error := format_error(data_format):
            pytest.skip(error)
        keras.config.set_image_data_format(data_format)
        last = some() + np.array([0.0, 3.0])
        images = to_format(last, data_format)
        layer = keras.layers.Conv2D(CLASSES, 1)
        inputs = keras.Input(images.shape[1:])
        x = keras.layers.GlobalAveragePooling2D()(layer(inputs))
        model = keras.Model(inputs, keras.layers.Softmax()(x))
        kernel = np.random.default_rng(2).normal(size=(CHANNELS, CLASSES))
        layer.set_weights([kernel[None, None], np.zeros(CLASSES)])

        def score(image):
            powers = np.exp(image.mean(axis=(0, 1)) @ kernel)
            return powers / powers.sum()

        found = occlusion_sensitivity(model, images, [0, 1, 2], size=(2, 3))
        color = last.mean(axis=(0, 1, 2))
        assert found.shape == (3, *SIZE)
        for index in range(3):
            given = last[index], index, (2, 3), (1, 1), color, score
            expected, _ = by_hand(*given)
            np.testing.assert_allclose(found[index], expected, atol=1e-5)

    def test_are_of_the_format_that_is_given(self):
        # No layer of this model has a data format.
        inputs = keras.Input((1, 4, 6))
        outputs = keras.layers.Dense(2)(keras.layers.Reshape((24,))(inputs))
        model, images = keras.Model(inputs, outputs), np.ones((2, 1, 4, 6))
        kwargs = {"size": (3, 5), "data_format": "channels_first"}
        assert occlusion_sensitivity(model, images, **kwargs).shape == (2, 4, 6)

    def test_of_a_single_score_are_of_its_sigmoid(self):
        inputs = keras.Input((2, 2, 1))
        outputs = keras.layers.GlobalAveragePooling2D()(inputs)
        image = np.array([[8.0, 0.0], [0.0, -4.0]])[None, ..., None]
        model = keras.Model(inputs, outputs)
        found = occlusion_sensitivity(model, image, size=1, value=0)

        def sigmoid(x):
            return 1 / (1 + np.exp(-x))

        upper, lower = sigmoid(1) - sigmoid(-1), sigmoid(1) - sigmoid(2)
        expected = [[[upper, 0.0], [0.0, lower]]]
        np.testing.assert_allclose(found, expected, atol=1e-6)

    def test_share_a_pixel_among_the_squares_that_cover_it(self):
        inputs = keras.Input((4, 4, 1))
        outputs = keras.layers.GlobalAveragePooling2D()(inputs)
        image = np.zeros((1, 4, 4, 1))
        # The only pixel that contributes to the mean.
        image[0, 1, 1] = 16.0
        model, kwargs = keras.Model(inputs, outputs), {"size": 2, "stride": 1}
        found = occlusion_sensitivity(
            model, image, lambda y: y[:, 0], value=0.0, **kwargs
        )
        # The fraction of squares over each row that also cover the second row.
        shares = np.array([1.0, 1.0, 0.5, 0.0])
        np.testing.assert_allclose(
            found[0], shares[:, None] * shares, atol=1e-6
        )

    def test_take_the_mean_over_a_region(self):
        inputs = keras.Input((*SIZE, CHANNELS))
        layer = keras.layers.Conv2D(CLASSES, 1, activation="softmax")
        model, images = keras.Model(inputs, layer(inputs)), some()
        masks = np.zeros((3, *SIZE), "bool")
        masks[0, 0, 0] = masks[1, 2, 3] = masks[2, 4, 6] = True
        found = occlusion_sensitivity(
            model, images, MaskedMean(1, masks), size=1
        )
        # Each pixel is classified separately.
        np.testing.assert_array_equal(np.abs(found) > 1e-5, masks)

    def test_leave_other_inputs_as_they_are(self):
        model = scaled_mean()
        factors = np.array([[3.0], [-1.0]], "float32")
        images = np.ones((2, 2, 2, 1), "float32")
        found = occlusion_sensitivity(
            model, {"image": images, "factor": factors}, size=1, value=0.0
        )
        before, after = (1 / (1 + np.exp(-factors * x)) for x in (1, 0.75))
        expected = np.broadcast_to((before - after)[..., None], (2, 2, 2))
        np.testing.assert_allclose(found, expected, atol=1e-6)

    def test_explain_the_output_that_is_chosen(self):
        inputs = keras.Input((*SIZE, CHANNELS))
        parts = [keras.layers.Flatten()(inputs), linear()(inputs)]
        model = keras.Model(inputs, parts)
        found = occlusion_sensitivity(
            model, some(), [0, 2, 1], output=1, size=3, value=0.0
        )
        check(found, some(), [0, 2, 1], (3, 3), (1, 1), 0.0)


class TestRuns:
    @pytest.mark.parametrize("batch_size", [1, 4, 5])
    def test_are_of_one_size_and_compiled_once(self, batch_size):
        seen = []

        def score(outputs):
            seen.append(int(outputs.shape[0]))
            return outputs[:, 0]

        # 3 whole images and 6 squares of each: 21 in all.
        given = some(), score, batch_size
        occlusion_sensitivity(linear(), *given, size=3, stride=2)
        assert set(seen) == {batch_size}
        assert len(seen) == (1 if COMPILES else -(-21 // batch_size))

    def test_do_not_change_anything(self):
        model, images = linear(), some()
        before = snapshot(model)
        occlusion_sensitivity(model, images, size=3)
        assert_same(before, snapshot(model))
        np.testing.assert_array_equal(images, some())


NO_PAIRS = [0, -1, (2, 0), (2,), (2, 2, 2), 2.0, True]
NO_COLORS = [float("nan"), float("inf"), -1e300, 10**400, "grey", [0.0]]


class TestErrors:
    @pytest.mark.parametrize(
        ("message", "argument", "values"),
        [
            ("a positive integer or a pair", "size", [*NO_PAIRS, None]),
            ("larger than .* 5 x 7 pixels", "size", [6, (5, 8), (6, 7)]),
            ("a positive integer or a pair", "stride", [*NO_PAIRS, "1"]),
            ("larger .* 2 x 3 pixels, or some", "stride", [3, (2, 4), (3, 3)]),
            ("a number in .* or None", "value", NO_COLORS),
        ],
    )
    def test_refuse(self, message, argument, values):
        for value in values:
            kwargs = {"size": (2, 3), argument: value}
            rule = f"`{argument}` must .*{message}.*Received: {argument}="
            with pytest.raises(ValueError, match=rule) as error:
                occlusion_sensitivity(network(), some(), **kwargs)
            assert str(error.value).endswith(repr(value))

    def test_reject_invalid_models_and_targets(self):
        with pytest.raises(ValueError, match="`model` must be a keras.Model"):
            occlusion_sensitivity("model", some(), size=2)
        with pytest.raises(ValueError, match="`images` must be a batch"):
            occlusion_sensitivity(network(), some()[0], size=2)
        with pytest.raises(ValueError, match="`targets` must be from 0 to 2"):
            occlusion_sensitivity(network(), some(), 3, size=2)
