import keras
import numpy as np
import pytest
from keras import layers

from keras_attn.explain import GradCAM, randomisation_check
from tests.cases.shuffled import ORDER, Spy, filled, plain, some

pytestmark = pytest.mark.once


def holds(layer, variable):
    return any(each is variable for each in layer.weights)


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
        # Including a sublayer that is never called.
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
