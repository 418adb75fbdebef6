"""The choice of a map in models with several kinds of maps."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_attn import explain
from keras_attn.explain.running.targets import Target, best_class

SIZE = (32, 24, 3)

# These concern Keras' symbols and layers. The forms in `test_base.py` cover
# them on each backend.
pytestmark = pytest.mark.once


def some(*shape):
    random = np.random.default_rng(0)
    return random.normal(size=(2, *(shape or SIZE))).astype("float32")


def paths(cam, images, score=best_class):
    inputs = cam.network.check(images)
    return [place.path for place in cam.places(inputs, Target(score))[1]]


def conv(name, **kwargs):
    return layers.Conv2D(4, 3, padding="same", name=name, **kwargs)


def pooled(x, units=3, name=None):
    return layers.Dense(units, name=name)(layers.GlobalAveragePooling2D()(x))


def branches():
    """Returns a model with a head on each of two branches."""
    inputs = keras.Input(SIZE)
    x = conv("stem")(inputs)
    outputs = [
        pooled(conv(f"{name}_conv", activation="relu")(x), name=name)
        for name in ("first", "second")
    ]
    return keras.Model(inputs, outputs)


class Around(keras.Model):
    """Hides the origin of the outputs behind operations that are not layers."""

    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner

    def call(self, x):
        outputs = self.inner(x)
        return {"first": outputs[0] * 2.0, "second": outputs[1] * 2.0}


class TestOutputs:
    @pytest.mark.parametrize("output", ["first", "second"])
    @pytest.mark.parametrize("hidden", [False, True])
    def test_have_maps_of_their_own_branch_only(self, output, hidden):
        model = branches()
        if hidden:
            model = Around(model)
            model(some())
        cam = explain.GradCAM(model, output=output)
        (found,) = paths(cam, some())
        assert found.endswith(f"{output}_conv")

    @pytest.mark.parametrize("method", ["CAM", "EigenCAM", "ScoreCAM"])
    def test_have_the_map_of_their_branch_named(self, method):
        model, images = branches(), some()
        make = getattr(explain, method)
        for output in ("first", "second"):
            found = make(model, output=output)(images, 1)
            named = make(model, f"{output}_conv", output=output)(images, 1)
            np.testing.assert_array_equal(found, named)
            assert found.max() > 0.99

    def test_of_another_branch_are_black_with_a_warning(self):
        cam = explain.GradCAM(branches(), "first_conv", output="second")
        with pytest.warns(UserWarning, match="0, 1, the score does not depend"):
            maps = cam(some())
        np.testing.assert_array_equal(maps, 0.0)


def two_images():
    """Returns a model of a large and a small image."""
    left = keras.Input(SIZE, name="left")
    right = keras.Input((16, 12, 3), name="right")
    parts = [
        layers.GlobalAveragePooling2D()(conv("on_left")(left)),
        layers.GlobalAveragePooling2D()(conv("on_right")(right)),
    ]
    outputs = layers.Dense(3)(layers.Concatenate()(parts))
    return keras.Model([left, right], outputs), [some(), some(16, 12, 3)]


class TestImages:
    @pytest.mark.parametrize("image", ["right", 1, None])
    def test_are_found_by_the_layer_or_chosen(self, image):
        model, images = two_images()
        cam = explain.GradCAM(model, "on_right", image=image)
        maps = cam(images, 0)
        assert maps.shape == (2, 16, 12)
        # The other image does not matter.
        kernel = model.get_layer("on_right").kernel
        alone = keras.Input((16, 12, 3))
        body = conv("on_right")
        dense = layers.Dense(3)
        x = dense(layers.GlobalAveragePooling2D()(body(alone)))
        weights = ops.convert_to_numpy(model.layers[-1].kernel)[4:]
        other = keras.Model(alone, x)
        body.set_weights([kernel, model.get_layer("on_right").bias])
        dense.set_weights([weights, np.zeros(3)])
        expected = explain.GradCAM(other)(images[1], 0)
        np.testing.assert_allclose(maps, expected, atol=1e-4)

    @pytest.mark.parametrize(
        ("image", "layer"), [("left", "on_left"), ("right", "on_right")]
    )
    def test_have_their_own_last_map(self, image, layer):
        model, images = two_images()
        assert paths(explain.GradCAM(model, image=image), images) == [layer]

    def test_of_a_shared_layer_have_their_own_call(self):
        body = conv("body")
        first, second = keras.Input(SIZE), keras.Input(SIZE)
        parts = [pooled(body(each)) for each in (first, second)]
        model = keras.Model([first, second], layers.Add()(parts))
        images = [some(), -some()[::-1]]
        found = [explain.HiResCAM(model, image=i)(images, 0) for i in (0, 1)]
        calls = [
            explain.HiResCAM(model, "body", call_index=i)(images, 0)
            for i in (0, 1)
        ]
        # Keras decides which branch runs first.
        if not np.array_equal(found[0], calls[0]):
            calls = calls[::-1]
        np.testing.assert_array_equal(found, calls)
        assert np.abs(found[0] - found[1]).max() > 0.1

    def test_alone_are_masked_mirrored_and_hidden(self):
        model, (left, right) = two_images()
        seen = []

        def score(outputs):
            return outputs[:, 0]

        options = {"image": "right"}
        for left_image in (left, 0.0 * left):
            images = [left_image, right]
            maps = explain.ScoreCAM(model, "on_right")(images, 0)
            smooth = explain.GradCAM(model, "on_right")(
                images, 0, aug_smooth=True
            )
            hidden = explain.occlusion_sensitivity(
                model, images, score, size=6, value=0.0, **options
            )
            seen.append((maps, smooth, hidden))
        # The left image always adds the same to the scores.
        for first, second in zip(*seen, strict=True):
            assert first.shape == (2, 16, 12)
            np.testing.assert_allclose(first, second, atol=1e-4)

    def test_have_to_be_chosen_where_nothing_tells(self):
        model, images = two_images()
        heatmaps = np.ones((2, 16, 12))
        message = "`image` must be the index or name.*Received: image=None"
        for measure in (explain.deletion, explain.average_drop):
            with pytest.raises(ValueError, match=message):
                measure(model, images, heatmaps)
            measure(model, images, heatmaps, image="right")
        with pytest.raises(ValueError, match=message):
            explain.occlusion_sensitivity(model, images, size=4)

    def test_that_a_layer_does_not_see_are_refused(self):
        model, images = two_images()
        cam = explain.GradCAM(model, "on_right", image="left")
        with pytest.raises(ValueError, match=r"depends on the images \[1\]"):
            cam(images)

    @pytest.mark.parametrize("image", [2, "middle", -1, 0.5])
    def test_unknown_images_are_rejected(self, image):
        model, images = two_images()
        with pytest.raises(ValueError, match=r"names \['left', 'right'\]"):
            explain.GradCAM(model, "on_right", image=image)(images)


@keras.saving.register_keras_serializable("tests")
class Queries(layers.Layer):
    """Attends to tokens with learned queries, as a detector does."""

    def __init__(self, count, **kwargs):
        super().__init__(**kwargs)
        self.count = count
        self.own = layers.MultiHeadAttention(2, 8, name="own")
        self.cross = layers.MultiHeadAttention(2, 8, name="cross")
        self.norm = layers.LayerNormalization(name="norm")

    def build(self, shape):
        mine = (None, self.count, shape[-1])
        self.queries = self.add_weight(shape=mine[1:], name="queries")
        self.own.build(mine, mine)
        self.cross.build(mine, shape)
        self.norm.build(mine)

    def call(self, x):
        shape = (ops.shape(x)[0], self.count, x.shape[-1])
        queries = ops.broadcast_to(self.queries[None], shape)
        queries = queries + self.own(queries, queries)
        return self.norm(queries + self.cross(queries, x))

    def compute_output_shape(self, shape):
        return (shape[0], self.count, shape[-1])


class TestQueries:
    def detector(self):
        inputs = keras.Input((32, 32, 3))
        x = layers.Conv2D(16, 8, 8, name="backbone")(inputs)
        x = layers.Reshape((16, 16), name="tokens")(x)
        # 9 queries, which would fit a grid of 3 x 3.
        x = Queries(9, name="decoder")(x)
        return keras.Model(inputs, layers.GlobalAveragePooling1D()(x))

    def test_are_no_map(self):
        cam = explain.GradCAM(self.detector())
        assert paths(cam, some(32, 32, 3)) == ["tokens"]

    @pytest.mark.parametrize("layer", ["decoder", "decoder/norm"])
    def test_are_refused_by_name(self, layer):
        cam = explain.GradCAM(self.detector(), layer)
        message = "9 tokens.*matched to positions.*pass `reshape=`"
        with pytest.raises(ValueError, match=message):
            cam(some(32, 32, 3))


class TestSmall:
    def test_maps_of_one_pixel_are_left_out_with_a_warning(self):
        inputs = keras.Input((16, 16, 3))
        x = layers.Conv2D(4, 3, 2, padding="same", name="large")(inputs)
        x = layers.Conv2D(4, 8, name="one")(x)
        x = layers.ZeroPadding2D(1, name="padding")(x)
        x = layers.Conv2D(4, 3, name="last")(x)
        model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
        cam = explain.GradCAM(model)
        with pytest.warns(UserWarning, match="'one' on.*'large' is used"):
            assert paths(cam, some(16, 16, 3)) == ["large"]

    def test_gates_of_one_pixel_do_not_raise_a_warning(self):
        inputs = keras.Input((16, 16, 3))
        x = conv("map")(inputs)
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Conv2D(4, 1, name="gate")(x)
        model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert paths(explain.GradCAM(model), some(16, 16, 3)) == ["map"]

    @pytest.mark.parametrize("size", [(4, 40), (40, 4)])
    def test_a_row_or_a_column_is_a_map(self, size):
        inputs = keras.Input((*size, 3))
        x = layers.Conv2D(4, 4, name="line")(inputs)
        model = keras.Model(inputs, pooled(x, 2))
        images = some(*size, 3)
        assert paths(explain.GradCAM(model), images) == ["line"]
        maps = explain.HiResCAM(model, "line")(images, [0, 1])
        # Constant across the line, with some contrast along it.
        assert np.ptp(maps, axis=1 + size.index(4)).max() < 1e-6
        assert maps.max() > 0.99

    def test_a_message_lists_only_what_would_pass(self):
        inputs = keras.Input((16, 16, 3))
        x = conv("map")(inputs)
        y = layers.GlobalAveragePooling2D(keepdims=True, name="one")(x)
        x = layers.Multiply(name="scaled")([x, y])
        model = keras.Model(inputs, pooled(x, 2))
        message = r"first: \['scaled', 'map'\]"
        with pytest.raises(ValueError, match=message):
            explain.GradCAM(model, "one")(some(16, 16, 3))
