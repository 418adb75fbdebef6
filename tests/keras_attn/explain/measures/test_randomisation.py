import contextlib

import keras
import numpy as np
import pytest
from keras import layers

from keras_attn.explain.measures.randomisation import (
    centred_ranks,
    correlation,
    randomisation_check,
)
from keras_attn.explain.methods.base import ClassActivationMap
from keras_attn.explain.methods.cam import CAM
from keras_attn.explain.methods.eigen_cam import EigenCAM
from keras_attn.explain.methods.grad_cam import GradCAM
from keras_attn.explain.methods.score_cam import ScoreCAM

pytestmark = pytest.mark.once


def some(count=4):
    """Makes images, each of another colour."""
    generator = np.random.default_rng(0)
    images = generator.normal(size=(count, 16, 16, 3))
    images += 3 * generator.normal(size=(count, 1, 1, 3))
    return images.astype("float32")


def plain(depth=3):
    """Makes a model of convolutions, pooling and a dense layer."""
    inputs = keras.Input((16, 16, 3))
    x = inputs
    for i in range(1, depth + 1):
        x = layers.Conv2D(8, 3, padding="same", name=f"conv{i}")(x)
        x = layers.BatchNormalization(name=f"norm{i}")(x)
        x = layers.ReLU(name=f"relu{i}")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(0.5, name="drop")(x)
    return keras.Model(inputs, layers.Dense(5, name="head")(x))


def filled(model):
    """Gives each weight other numbers, the variances positive ones."""
    generator = np.random.default_rng(1)
    for weight in model.weights:
        numbers = generator.normal(0.0, 0.5, weight.shape)
        scale = weight.name in ("gamma", "moving_variance")
        weight.assign(np.abs(numbers) + 0.5 if scale else numbers)
    return model


ORDER = ["head", "norm3", "conv3", "norm2", "conv2", "norm1", "conv1"]


class Spy(GradCAM):
    """Keeps what it is called with, and the weights that it runs with."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.asked, self.stages = [], []

    def __call__(self, images, targets=None, batch_size=32, **kwargs):
        self.asked.append((targets, batch_size))
        values = [
            keras.ops.convert_to_numpy(x).copy() for x in self.network.values()
        ]
        self.stages.append(values)
        return super().__call__(images, targets, batch_size, **kwargs)


class Given(ClassActivationMap):
    """Returns maps that are given, one call after another."""

    def __init__(self, model, *maps):
        super().__init__(model)
        self.maps = iter(maps)

    def __call__(self, images, targets=None, batch_size=32, **kwargs):
        return np.asarray(next(self.maps), "float32")


def holds(layer, variable):
    return any(each is variable for each in layer.weights)


def state(model):
    """Returns all that a model holds by name, and copies of its numbers."""
    parts = [model, *model.layers]
    numbers = [keras.ops.convert_to_numpy(v).copy() for v in model.variables]
    return [dict(vars(part)) for part in parts], numbers


def assert_same(before, after):
    for old, new in zip(before[0], after[0], strict=True):
        assert old.keys() == new.keys()
        assert all(new[name] is value for name, value in old.items())
    for old, new in zip(before[1], after[1], strict=True):
        np.testing.assert_array_equal(old, new)


class TestCorrelation:
    @pytest.mark.parametrize(
        ("values", "ranks"),
        [
            ([5.0, 1.0, 3.0], [1, -1, 0]),
            # The ranks 1, 2.5, 2.5, 4 and 2, 2, 2, 4, 5, less their mean.
            ([0.1, 0.5, 0.5, 0.9], [-1.5, 0, 0, 1.5]),
            ([0.0, 0.7, 0.0, 1.0, 0.0], [-1, 1, -1, 2, -1]),
            ([2.0, 2.0, 2.0], [0, 0, 0]),
        ],
    )
    def test_ranks_are_shared_by_equal_numbers(self, values, ranks):
        assert centred_ranks(np.array(values)).tolist() == ranks

    @pytest.mark.parametrize(
        ("first", "second", "expected"),
        [
            ([1, 2, 3, 4, 5], [1, 4, 9, 16, 25], 1),
            ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], -1),
            # 1 - 6 sum d^2 / (n (n^2 - 1)), with d = 0, -1, 1, 0.
            ([1, 2, 3, 4], [10, 30, 20, 40], 0.8),
            # With d = 1, 1, -2 it is -1/2.
            ([2, 3, 1], [1, 2, 3], -0.5),
            # Ranks -1.5, 0, 0, 1.5 and -1.5, -0.5, 0.5, 1.5: 4.5 by the root
            # of 4.5 * 5.
            ([1, 2, 2, 3], [1, 2, 3, 4], np.sqrt(0.9)),
            ([1, 2, 3], [1, 1, 1], 0),
        ],
    )
    def test_is_that_by_hand(self, first, second, expected):
        ranks = [centred_ranks(np.array(each)) for each in (first, second)]
        assert correlation(*ranks) == pytest.approx(expected)


class TestStages:
    def test_go_from_the_output_down(self):
        model = filled(plain())
        found = randomisation_check(GradCAM(model), some())
        assert list(found) == ORDER
        assert all(isinstance(each, float) for each in found.values())
        assert all(-1 <= each <= 1 for each in found.values())

    def test_shuffle_one_layer_after_another(self):
        model = filled(plain())
        cam = Spy(model)
        randomisation_check(cam, some())
        owners = [
            next((x.name for x in model.layers if holds(x, v)), "random")
            for v in model.variables
        ]
        names = [v.name for v in model.variables]
        assert len(cam.stages) == 1 + len(ORDER)
        real, *shuffled = cam.stages
        for count, values in enumerate(shuffled, 1):
            last = shuffled[count - 2] if count > 1 else real
            for owner, name, before, then, now in zip(
                owners, names, real, last, values, strict=True
            ):
                if owner != ORDER[count - 1]:
                    np.testing.assert_array_equal(now, then)
                elif name == "moving_variance":
                    np.testing.assert_allclose(now, before.mean(), rtol=1e-6)
                else:
                    assert (now != before).any()
                    np.testing.assert_array_equal(
                        np.sort(now, axis=None), np.sort(before, axis=None)
                    )

    def test_keep_the_classes_of_the_real_model(self):
        model, images = filled(plain()), some()
        scores = model.predict(images, verbose=0)
        bias = model.get_layer("head").bias
        bias.assign(bias - scores.mean(axis=0))
        cam = Spy(model)
        randomisation_check(cam, images, batch_size=3)
        classes = model.predict(images, verbose=0).argmax(axis=1)
        assert len(set(classes)) > 1
        for targets, batch_size in cam.asked:
            assert batch_size == 3
            np.testing.assert_array_equal(targets, classes)

    @pytest.mark.parametrize("targets", [2, [0, 1, 2, 3], lambda y: y[:, 0]])
    def test_keep_the_targets_that_are_given(self, targets):
        cam = Spy(filled(plain(1)))
        randomisation_check(cam, some(), targets)
        assert all(each is targets for each, _ in cam.asked)

    def test_reach_each_part_of_nested_layers_by_itself(self):
        class Block(layers.Layer):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                self.conv = layers.Conv2D(8, 3, name="conv")
                self.unused = layers.Dense(9, name="unused")

            def build(self, shape):
                self.conv.build(shape)
                self.unused.build(shape)
                self.scale = self.add_weight(shape=(8,), name="scale")
                self.built = True

            def call(self, x):
                return self.conv(x) * self.scale

            def compute_output_shape(self, shape):
                return self.conv.compute_output_shape(shape)

        first = layers.Conv2D(8, 3, name="first")
        inner = keras.Sequential([first], name="inner")
        shared = layers.Conv2D(8, 1, name="shared")
        inputs = keras.Input((16, 16, 3))
        x = shared(Block(name="block")(shared(inner(inputs)) * 2.0))
        x = layers.GlobalAveragePooling2D()(x)
        model = keras.Model(inputs, layers.Dense(5, name="head")(x))
        cam = Spy(filled(model), "block")
        found = randomisation_check(cam, some())
        expected = ["head", "shared", "block", "block/conv", "inner/first"]
        assert list(found) == expected
        # With what is in a layer, but never called.
        changed = [
            (a != b).any()
            for a, b in zip(cam.stages[2], cam.stages[3], strict=True)
        ]
        paths = [v.path for v in model.weights]
        at = [path for path, yes in zip(paths, changed, strict=True) if yes]
        assert {path.split("/", 1)[1] for path in at} == {
            "scale",
            "unused/kernel",
            "unused/bias",
        }

    def test_begin_with_what_the_model_holds_itself(self):
        class Own(keras.Model):
            def __init__(self):
                super().__init__(name="own")
                self.conv = layers.Conv2D(8, 3, name="conv")

            def build(self, shape):
                self.conv.build(shape)
                self.kernel = self.add_weight(shape=(8, 5), name="kernel")
                self.built = True

            def call(self, x):
                x = keras.ops.mean(self.conv(x), axis=(1, 2))
                return keras.ops.matmul(x, self.kernel)

        model = Own()
        model.build((None, 16, 16, 3))
        found = randomisation_check(GradCAM(filled(model), "conv"), some())
        assert list(found) == ["own", "conv"]

    def test_take_frozen_layers_too(self):
        model = filled(plain())
        model.trainable = False
        assert list(randomisation_check(GradCAM(model), some())) == ORDER

    def test_take_half_precision(self):
        keras.config.set_dtype_policy("bfloat16")
        found = randomisation_check(GradCAM(filled(plain(1))), some())
        assert list(found) == ["head", "norm1", "conv1"]
        assert found["conv1"] < 0.9


class TestCheck:
    def test_tells_a_method_that_looks_behind_its_layer(self):
        found = randomisation_check(GradCAM(filled(plain()), "relu2"), some())
        assert max(found.values()) < 0.8

    def test_tells_a_method_that_does_not(self):
        found = randomisation_check(EigenCAM(filled(plain()), "relu2"), some())
        for name in ORDER[:3]:
            assert found[name] == pytest.approx(1.0, abs=1e-9)
        assert found["conv2"] < 0.8 and found["conv1"] < 0.8

    @pytest.mark.parametrize("relu", [False, True])
    def test_takes_the_weights_of_cam_as_they_stand(self, relu):
        cam = CAM(filled(plain()), relu=relu)
        found = randomisation_check(cam, some())
        assert list(found) == ORDER
        assert max(found.values()) < 0.8

    def test_takes_score_cam(self):
        cam = ScoreCAM(filled(plain()), "relu2", top_k=3)
        assert list(randomisation_check(cam, some(2))) == ORDER

    def test_stays_finite_in_deep_models(self):
        inputs = x = keras.Input((16, 16, 3))
        for i in range(20):
            x = layers.Conv2D(4, 1, use_bias=False, name=f"conv{i}")(x)
            x = layers.BatchNormalization(name=f"norm{i}")(x)
        x = layers.GlobalAveragePooling2D()(x)
        model = keras.Model(inputs, layers.Dense(4, name="head")(x))
        # Channels differ, as those of trained models do.
        scales = np.array([1.0, 1e3, 1e3, 1e3])
        generator = np.random.default_rng(1)
        for weight in model.weights:
            if weight.name == "kernel":
                weight.assign(generator.normal(size=weight.shape) * scales)
            elif weight.name == "moving_variance":
                weight.assign(scales**2)
        found = randomisation_check(GradCAM(model, "norm19"), some())
        assert len(found) == 41 and np.isfinite(list(found.values())).all()

    def test_is_the_mean_over_the_images(self):
        images = some(2)
        real = [[[1, 2], [3, 4]], [[1, 2], [2, 3]]]
        head = [[[4, 3], [2, 1]], [[1, 2], [3, 4]]]
        inputs = keras.Input((16, 16, 3))
        x = layers.Conv2D(2, 3, name="conv")(inputs)
        x = layers.GlobalAveragePooling2D()(x)
        model = keras.Model(inputs, layers.Dense(2, name="head")(x))
        found = randomisation_check(Given(model, real, head, real), images)
        expected = {"head": (-1 + np.sqrt(0.9)) / 2, "conv": 1.0}
        assert found == pytest.approx(expected)

    def test_leaves_out_maps_without_contrast_before(self):
        inputs = keras.Input((16, 16, 3))
        x = layers.GlobalAveragePooling2D()(inputs)
        model = keras.Model(inputs, layers.Dense(2, name="head")(x))
        up, down = [[1, 2], [3, 4]], [[4, 3], [2, 1]]
        flat = [[1, 1], [1, 1]]
        images = some(3)
        cam = Given(model, [up, flat, up], [up, up, down])
        assert randomisation_check(cam, images)["head"] == pytest.approx(0.0)
        cam = Given(model, [up, flat, up], [up, up, flat])
        assert randomisation_check(cam, images)["head"] == pytest.approx(0.5)
        cam = Given(model, [up, up, up], [up, up, [[1, np.nan], [2, 3]]])
        assert np.isnan(randomisation_check(cam, images)["head"])
        cam = Given(model, [flat, flat, flat])
        message = "`cam` must give a map with contrast.*Choose other images"
        with pytest.raises(ValueError, match=message):
            randomisation_check(cam, images)

    def test_is_the_same_for_the_same_seed(self):
        model, images = filled(plain(1)), some()
        first, again, other = (
            randomisation_check(GradCAM(model), images, seed=seed)
            for seed in (0, 0, 1)
        )
        assert first == again
        assert first != other and first.keys() == other.keys()

    def test_keeps_warnings_about_shuffled_weights_to_itself(self):
        model = filled(plain())
        # Shuffled, a channel that is on for all becomes one that is off.
        norm = model.get_layer("norm3")
        norm.gamma.assign([1e-9] * 8)
        norm.beta.assign([1.0] + [-1.0] * 7)
        kernel = np.zeros((8, 5))
        kernel[0] = np.arange(1.0, 6.0)
        model.get_layer("head").kernel.assign(kernel)
        cam = GradCAM(model, "conv3")
        cam(some())
        randomisation_check(cam, some())

    def test_leaves_the_model_as_it_was(self):
        model, images = filled(plain(1)), some()
        cam = GradCAM(model)
        maps, before = cam(images), state(model)
        randomisation_check(cam, images)
        assert_same(before, state(model))
        np.testing.assert_array_equal(cam(images), maps)

    def test_leaves_the_model_as_it_was_after_an_error(self):
        class Failing(Spy):
            def __call__(self, *args, **kwargs):
                maps = super().__call__(*args, **kwargs)
                if len(self.stages) == 3:
                    raise RuntimeError("on purpose")
                return maps

        model, images = filled(plain(1)), some()
        cam = Failing(model)
        maps, before = cam(images), state(model)
        with contextlib.suppress(RuntimeError):
            randomisation_check(cam, images)
        assert len(cam.stages) == 3
        assert_same(before, state(model))
        np.testing.assert_array_equal(cam(images), maps)

    @pytest.mark.parametrize("cam", [None, "GradCAM", GradCAM])
    def test_refuses_what_is_no_map(self, cam):
        message = "`cam` must be a ClassActivationMap.*Received: cam="
        with pytest.raises(ValueError, match=message):
            randomisation_check(cam, some())

    @pytest.mark.parametrize("seed", [-1, 0.5, None])
    def test_refuses_what_is_no_seed(self, seed):
        with pytest.raises(ValueError, match="`seed` must.*Received: seed="):
            randomisation_check(GradCAM(plain()), some(), seed=seed)

    def test_refuses_a_model_without_weights(self):
        inputs = keras.Input((16, 16, 3))
        x = layers.Dropout(0.5)(layers.ReLU(name="relu")(inputs))
        x = layers.GlobalAveragePooling2D()(x)
        model = keras.Model(inputs, x, name="bare")
        with pytest.raises(ValueError, match="weights.*'bare', without any"):
            randomisation_check(GradCAM(model, "relu"), some())

    def test_refuses_what_the_model_does_not_take(self):
        cam = GradCAM(plain())
        with pytest.raises(ValueError, match="`images` must be a batch"):
            randomisation_check(cam, some()[0])
        with pytest.raises(ValueError, match="`batch_size` must be a positive"):
            randomisation_check(cam, some(), batch_size=0)
        with pytest.raises(ValueError, match="`targets` must be from 0 to 4"):
            randomisation_check(cam, some(), 5)
