import contextlib

import keras
import numpy as np
import pytest
from keras import layers

from keras_attn.explain.measures.randomisation import randomisation_check
from keras_attn.explain.methods.base import ClassActivationMap
from keras_attn.explain.methods.cam import CAM
from keras_attn.explain.methods.eigen_cam import EigenCAM
from keras_attn.explain.methods.grad_cam import GradCAM
from keras_attn.explain.methods.score_cam import ScoreCAM
from tests.cases.shuffled import ORDER, Spy, filled, plain, some

pytestmark = pytest.mark.once


class Given(ClassActivationMap):
    """Returns given maps, one per call."""

    def __init__(self, model, *maps):
        super().__init__(model)
        self.maps = iter(maps)

    def __call__(self, images, targets=None, batch_size=32, **kwargs):
        return np.asarray(next(self.maps), "float32")


def state(model):
    """Returns the attributes of a model, and copies of its weights."""
    parts = [model, *model.layers]
    numbers = [keras.ops.convert_to_numpy(v).copy() for v in model.variables]
    return [dict(vars(part)) for part in parts], numbers


def assert_same(before, after):
    for old, new in zip(before[0], after[0], strict=True):
        assert old.keys() == new.keys()
        assert all(new[name] is value for name, value in old.items())
    for old, new in zip(before[1], after[1], strict=True):
        np.testing.assert_array_equal(old, new)


class TestCheck:
    def test_a_method_that_uses_later_layers_changes(self):
        found = randomisation_check(GradCAM(filled(plain()), "relu2"), some())
        assert max(found.values()) < 0.8

    def test_a_method_that_ignores_later_layers_stays_at_1(self):
        found = randomisation_check(EigenCAM(filled(plain()), "relu2"), some())
        for name in ORDER[:3]:
            assert found[name] == pytest.approx(1.0, abs=1e-9)
        assert found["conv2"] < 0.8 and found["conv1"] < 0.8

    @pytest.mark.parametrize("relu", [False, True])
    def test_takes_the_current_weights_of_cam(self, relu):
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
        # The scales of channels differ, as in trained models.
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
        message = "`cam` must return a map with contrast.*Choose other images"
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
        # Shuffling turns a channel that is always active off.
        norm = model.get_layer("norm3")
        norm.gamma.assign([1e-9] * 8)
        norm.beta.assign([1.0] + [-1.0] * 7)
        kernel = np.zeros((8, 5))
        kernel[0] = np.arange(1.0, 6.0)
        model.get_layer("head").kernel.assign(kernel)
        cam = GradCAM(model, "conv3")
        cam(some())
        randomisation_check(cam, some())

    def test_does_not_change_the_model(self):
        model, images = filled(plain(1)), some()
        cam = GradCAM(model)
        maps, before = cam(images), state(model)
        randomisation_check(cam, images)
        assert_same(before, state(model))
        np.testing.assert_array_equal(cam(images), maps)

    def test_does_not_change_the_model_after_an_error(self):
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
    def test_rejects_an_invalid_map(self, cam):
        message = "`cam` must be a ClassActivationMap.*Received: cam="
        with pytest.raises(ValueError, match=message):
            randomisation_check(cam, some())

    @pytest.mark.parametrize("seed", [-1, 0.5, None])
    def test_rejects_an_invalid_seed(self, seed):
        with pytest.raises(ValueError, match="`seed` must.*Received: seed="):
            randomisation_check(GradCAM(plain()), some(), seed=seed)

    def test_refuses_a_model_without_weights(self):
        inputs = keras.Input((16, 16, 3))
        x = layers.Dropout(0.5)(layers.ReLU(name="relu")(inputs))
        x = layers.GlobalAveragePooling2D()(x)
        model = keras.Model(inputs, x, name="bare")
        with pytest.raises(ValueError, match="weights.*'bare', which has"):
            randomisation_check(GradCAM(model, "relu"), some())

    def test_refuses_what_the_model_does_not_take(self):
        cam = GradCAM(plain())
        with pytest.raises(ValueError, match="`images` must be a batch"):
            randomisation_check(cam, some()[0])
        with pytest.raises(ValueError, match="`batch_size` must be a positive"):
            randomisation_check(cam, some(), batch_size=0)
        with pytest.raises(ValueError, match="`targets` must be from 0 to 4"):
            randomisation_check(cam, some(), 5)
