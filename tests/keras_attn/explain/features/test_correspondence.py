import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.explain.features.correspondence import correspondence
from keras_attn.explain.running.network import Network
from tests.cases.explained import Telling, assert_same, snapshot
from tests.contracts.devices import FORMATS, format_error, to_format

pytestmark = pytest.mark.once

# Signs of four pixels in each image.
SIGNS = [[1, 0, -1, 1], [1, 1, -1, 0], [1, -1, 0, 0]]


def of_pixels(shape=(1, 4, 1)):
    """Makes a model with a layer that outputs the pixels."""
    inputs = keras.Input(shape)
    x = keras.layers.Flatten(name="pixels")(inputs)
    return keras.Model(inputs, keras.layers.Dense(2, name="scores")(x))


def pictures(differences):
    """Returns images, and the same images minus some differences."""
    differences = np.array(differences, "float32")[:, None, :, None]
    images = np.arange(differences.size, dtype="float32")
    images = images.reshape(differences.shape)
    return images, images - differences


def by_hand(before, after):
    """Compares each pair of images, entry by entry."""
    change = np.asarray(before, "float64") - np.asarray(after, "float64")
    signs = np.sign(change).reshape(len(change), -1)
    shares = [
        np.mean([a != b for a, b in zip(one, other, strict=True)])
        for one, other in itertools.permutations(signs, 2)
    ]
    return np.mean(shares), signs


def some(count=5, size=(6, 5)):
    """Returns small integers, for which features are exact."""
    generator = np.random.default_rng(0)
    images = generator.integers(-2, 3, (count, *size, 2)).astype("float32")
    occluded = images.copy()
    for i, (top, left) in enumerate(generator.integers(0, 3, (count, 2))):
        occluded[i, top : top + 3, left : left + 3] = 0.0
    return images, occluded


def convolving(data_format="channels_last", size=(6, 5)):
    first = data_format == "channels_first"
    inputs = keras.Input((2, *size) if first else (*size, 2))
    kwargs = {"data_format": data_format}
    conv = keras.layers.Conv2D(3, 2, activation="relu", name="conv", **kwargs)
    x = keras.layers.GlobalAveragePooling2D(name="pool", **kwargs)(conv(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, name="scores")(x))
    kernel = np.random.default_rng(1).integers(-1, 2, (2, 2, 2, 3))
    conv.set_weights([kernel.astype("float32"), np.zeros(3)])
    return model


def features_of(images):
    """Convolves and rectifies in NumPy, channels last."""
    kernel = np.random.default_rng(1).integers(-1, 2, (2, 2, 2, 3))
    _, height, width, _ = images.shape
    total = 0
    for i, j in np.ndindex(2, 2):
        part = images[:, i : i + height - 1, j : j + width - 1]
        total = total + part @ kernel[i, j]
    return np.maximum(total, 0)


class TestMeasure:
    def test_is_the_share_of_signs_that_differ(self):
        # Of 3 pairs, the number that differs per pixel is 0, 3, 2 and 2.
        found = correspondence(of_pixels(), *pictures(SIGNS), "pixels")
        assert isinstance(found, float)
        np.testing.assert_allclose(found, (0 + 3 + 2 + 2) / 12, rtol=1e-12)

    @pytest.mark.parametrize(
        ("signs", "expected"),
        [
            ([[1, -1, 0, 0]] * 3, 0.0),
            ([[1, -1, 1, -1], [-1, 1, -1, 1]], 1.0),
            ([[0, 0, 0, 0], [1, 1, 1, -1]], 1.0),
            ([[0, 0, 0, 0], [0, 0, 0, 0]], 0.0),
            ([[1, 1, 1, 1], [1, 1, 1, -1]], 0.25),
        ],
        ids=["alike", "opposite", "changed or not", "unchanged", "one of 4"],
    )
    def test_of_signs_that_are_known(self, signs, expected):
        found = correspondence(of_pixels(), *pictures(signs), "pixels")
        assert found == expected

    def test_does_not_depend_on_the_size_of_a_change(self):
        factors = np.array([[1e-3], [1.0], [1e3]])
        model = of_pixels()
        zeros = np.zeros((3, 1, 4, 1), "float32")
        given = np.array(SIGNS, "float32") * factors
        assert correspondence(
            model, zeros + given[:, None, :, None], zeros, "pixels"
        ) == correspondence(model, *pictures(SIGNS), "pixels")

    @pytest.mark.parametrize("batch_size", [1, 2, 3, 32])
    @pytest.mark.parametrize("data_format", FORMATS)
    def test_of_maps_is_that_by_hand(self, data_format, batch_size):
        if error := format_error(data_format):
            pytest.skip(error)
        images, occluded = some()
        expected, signs = by_hand(features_of(images), features_of(occluded))
        assert {-1, 0, 1} == set(signs.reshape(-1)) and expected > 0.1
        given = (to_format(x, data_format) for x in (images, occluded))
        found = correspondence(
            convolving(data_format), *given, "conv", batch_size
        )
        np.testing.assert_allclose(found, expected, rtol=1e-12)

    def test_of_vectors_is_that_by_hand(self):
        model, (images, occluded) = convolving(), some()
        means = [features_of(x).mean(axis=(1, 2)) for x in (images, occluded)]
        expected, _ = by_hand(*means)
        found = correspondence(model, images, occluded, "pool")
        np.testing.assert_allclose(found, expected, rtol=1e-12)

    def test_takes_a_layer_or_a_network(self):
        model, given = convolving(), some()
        expected = correspondence(model, *given, "conv")
        layer = model.get_layer("conv")
        assert correspondence(Network(model), *given, layer) == expected

    def test_takes_a_layer_of_an_inner_model(self):
        inner = convolving()
        inner.name = "inner"
        inputs = keras.Input((6, 5, 2))
        model = keras.Model(inputs, inner(inputs))
        assert correspondence(model, *some(), "inner/conv") == correspondence(
            inner, *some(), "conv"
        )

    def test_is_of_the_last_call_of_a_layer(self):
        inputs = keras.Input((1, 4, 1))
        relu = keras.layers.ReLU(name="shared")
        # Positive values are 0 after the second ReLU.
        x = relu(keras.layers.Rescaling(-1.0)(relu(inputs)))
        model = keras.Model(inputs, keras.layers.Flatten()(x))
        signs = np.array([[1, 1, 1, 1], [0, 1, 0, 1]], "float32")
        images = signs[:, None, :, None]
        assert correspondence(model, images, 0 * images, "shared") == 0.0

    def test_is_of_the_first_of_several_outputs(self):
        class Splitting(keras.layers.Layer):
            def call(self, x):
                return x[:, :, :2], x[:, :, 2:]

        inputs = keras.Input((1, 4, 1))
        parts = Splitting(name="split")(inputs)
        x = keras.layers.Concatenate(axis=2)(parts)
        model = keras.Model(inputs, keras.layers.Flatten()(x))
        found = correspondence(model, *pictures(SIGNS), "split")
        np.testing.assert_allclose(found, (0 + 3) / 6, rtol=1e-12)

    def test_takes_several_inputs(self):
        image = keras.Input((1, 4, 1), name="image")
        factor = keras.Input((1,), name="factor")
        x = keras.layers.Flatten()(image)
        x = keras.layers.Multiply(name="product")([x, factor])
        model = keras.Model({"image": image, "factor": factor}, x)
        images, occluded = pictures([[1, 1, 1, -1], [1, 1, 1, 1]])
        factors = np.array([[2.0], [-2.0]], "float32")
        found = correspondence(
            model,
            {"image": images, "factor": factors},
            {"image": occluded, "factor": factors},
            "product",
        )
        assert found == 0.75

    @pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
    def test_of_mixed_precision(self, policy):
        keras.config.set_dtype_policy(policy)
        found = correspondence(of_pixels(), *pictures(SIGNS), "pixels")
        np.testing.assert_allclose(found, 7 / 12, rtol=1e-12)


class TestRuns:
    def test_are_compiled_once(self):
        inputs = keras.Input((1, 4, 1))
        x = keras.layers.Flatten(name="pixels")(Telling()(inputs))
        model = keras.Model(inputs, x)
        given = pictures(SIGNS)
        Telling.told.clear()
        # The second batch is padded.
        correspondence(model, *given, "pixels", 2)
        eager = keras.backend.backend() == "torch"
        assert len(Telling.told) == (4 if eager else 1)

    def test_do_not_change_anything(self):
        model, given = convolving(), some()
        before = snapshot(model)
        correspondence(model, *given, "conv")
        assert_same(before, snapshot(model))
        for now, then in zip(given, some(), strict=True):
            np.testing.assert_array_equal(now, then)


class Merging(keras.layers.Layer):
    """Turns each row of an image into an image."""

    def call(self, x):
        return ops.reshape(x, (-1, x.shape[2], x.shape[3]))


class Holding(keras.Model):
    """A model with a layer that it does not call."""

    def __init__(self):
        super().__init__()
        self.head = keras.layers.Dense(1)
        self.spare = keras.layers.Dense(1, name="spare")

    def build(self, shape):
        self.head.build(shape)
        self.spare.build(shape)

    def call(self, x):
        return self.head(x)


class TestErrors:
    def test_refuse_a_single_image(self):
        images, occluded = pictures(SIGNS[:1])
        message = r"`images` must hold at least two.*shape \(1, 1, 4, 1\)"
        with pytest.raises(ValueError, match=message):
            correspondence(of_pixels(), images, occluded, "pixels")

    def test_refuse_other_shapes(self):
        images, occluded = pictures(SIGNS)
        message = r"`occluded` must.*Received: shapes \[\(2, 1, 4, 1\)\]"
        with pytest.raises(ValueError, match=message):
            correspondence(of_pixels(), images, occluded[:2], "pixels")

    def test_refuse_another_nest(self):
        images, occluded = pictures(SIGNS)
        with pytest.raises(ValueError, match="`occluded` must be the same"):
            correspondence(of_pixels(), images, [occluded], "pixels")

    def test_refuse_a_layer_that_is_not_there(self):
        with pytest.raises(ValueError, match="`layer` must be the name or"):
            correspondence(of_pixels(), *pictures(SIGNS), "pixel")

    def test_refuse_a_layer_that_is_not_called(self):
        model, given = Holding(), pictures(SIGNS)
        model(given[0])
        message = "`layer` must be called.*Received: the layer 'spare'"
        with pytest.raises(ValueError, match=message):
            correspondence(model, *given, "spare")

    def test_refuse_features_of_no_image(self):
        inputs = keras.Input((2, 3, 1))
        x = Merging(name="rows")(inputs)
        model = keras.Model(inputs, keras.layers.Flatten()(x))
        images = np.zeros((2, 2, 3, 1))
        message = r"for each image.*'rows', which outputs \(4, 3, 1\) for 2"
        with pytest.raises(ValueError, match=message):
            correspondence(model, images, images, "rows")

    def test_refuse_infinity(self):
        inputs = keras.Input((1, 4, 1))
        x = keras.layers.Rescaling(float("inf"), name="large")(inputs)
        model = keras.Model(inputs, keras.layers.Flatten()(x))
        message = "must output finite numbers.*infinity from the layer 'large'"
        with pytest.raises(ValueError, match=message):
            correspondence(model, *pictures(SIGNS), "large")

    def test_refuse_images_that_do_not_fit(self):
        images, occluded = pictures(SIGNS)
        with pytest.raises(ValueError, match="`images` must be a batch"):
            correspondence(of_pixels(), images[0], occluded[0], "pixels")
        with pytest.raises(ValueError, match="only finite numbers"):
            correspondence(of_pixels(), images, occluded * np.nan, "pixels")
