"""Compares every method on every form of model with recorded maps."""

import functools

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_attn import backend, explain
from tests.cases import explained
from tests.cases.explained import (
    FORMS,
    TARGETS,
    assert_same,
    golden,
    snapshot,
)
from tests.marks import once_but_first

# Methods whose principal component has the same sign everywhere. The recorded
# sign is that of an SVD.
OWN_SIGN = ("EigenCAM", "EigenGradCAM")
METHODS = {
    "GradCAM": {},
    "GradCAMPlusPlus": {},
    "XGradCAM": {},
    "HiResCAM": {},
    "LayerCAM": {},
    "EigenCAM": {},
    "EigenGradCAM": {},
    "ScoreCAM": {"mode": "pytorch_grad_cam"},
    "CAM": {"relu": True},
    "ConceptorCAM": {},
}
OF_SCORES = ("ScoreCAM", "CAM")


@functools.cache
def expected(method):
    """Returns the recorded maps, or those of an already verified form."""
    if method == "CAM":
        # The same up to the scale.
        return golden()["y_GradCAM"]
    if method in ("ConceptorCAM", *OWN_SIGN):
        # Their own tests verify these maps in NumPy.
        cam = getattr(explain, method)(explained.functional())
        return cam(explained.images(), TARGETS)
    return golden()[f"y_{method}"]


# One method with gradients and one with masked images. A form changes only how
# the model is run, which all other methods share with these two.
KINDS = {
    "all": METHODS,
    "gradients": ("GradCAM",),
    "masks": ("ScoreCAM",),
}
# Only how these models are read differs from those before them, and that is the
# same on every backend.
READ = (
    *("composite", "nested_whole", "skip", "several_outputs", "frozen"),
    *("softmax_activation", "softmax_layer", "softmax_operation"),
    *("sigmoid_in_dense", "tokens_behind_one", "tokens_reshaped"),
)


def _marks(count, name, kind):
    if count and kind == "all":
        return pytest.mark.thorough
    once = kind == "masks" or name in READ
    return pytest.mark.once if once else ()


@pytest.mark.parametrize(
    ("name", "methods"),
    [
        pytest.param(
            name,
            methods,
            id=f"{name}-{kind}",
            marks=_marks(count, name, kind),
        )
        for count, name in enumerate(FORMS)
        for kind, methods in KINDS.items()
        if count or kind == "all"
    ],
)
def test_every_method_explains_every_form_of_model(name, methods):
    form = FORMS[name]
    model, images = form.make()
    options = dict(form.options)
    network = explain.Network(model, options.pop("output", None))
    before = snapshot(model)
    for method in methods:
        if method in OF_SCORES and not form.scores:
            continue
        cam = getattr(explain, method)(
            network, form.layer, **options, **METHODS[method]
        )
        maps = cam(images, TARGETS)
        assert maps.dtype == "float32"
        np.testing.assert_allclose(
            maps, expected(method), atol=form.tolerance, err_msg=method
        )
    assert_same(before, snapshot(model))


def test_the_public_methods_are_all_in_the_table():
    methods = {
        name
        for name, value in vars(explain).items()
        if isinstance(value, type)
        and issubclass(value, explain.ClassActivationMap)
    }
    assert methods == {*METHODS, "ClassActivationMap"}


@pytest.mark.once
class TestOrder:
    """The processing of the layers' maps, reimplemented in NumPy."""

    def test_layers_are_averaged_after_resizing_and_scaled_again(self):
        model = explained.functional()
        layers_ = ["pool", "relu2"]
        cam = explain.HiResCAM(model, layers_)
        maps = cam(explained.images(), TARGETS)
        total = 0.0
        for name in layers_:
            one = explained.layer_maps(model, name)
            total = total + explained.resized(explained.scaled(one))
        # Not the mean of the maps of single layers, which are scaled again
        # after resizing.
        np.testing.assert_allclose(maps, explained.scaled(total / 2), atol=1e-4)

    def test_a_map_without_contrast_is_zero(self):
        model = explained.functional()
        model.get_layer("fc").set_weights(
            [np.zeros((16, 5), "float32"), np.zeros(5, "float32")]
        )
        with pytest.warns(UserWarning, match="does not depend"):
            maps = explain.GradCAM(model)(explained.images(), 0)
        np.testing.assert_array_equal(maps, 0.0)


@pytest.mark.once
class TestSmoothing:
    def test_keeps_the_class_of_the_original_image(self):
        """Even if a brighter image has another class."""
        model = explained.functional()
        image = explained.images()[:1]
        scores, brighter = (
            ops.convert_to_numpy(model(factor * image))[0]
            for factor in (np.float32(1.0), np.float32(1.1))
        )
        # The class that falls behind leads by a small margin before.
        gain = brighter - scores
        first, second = int(gain.argmin()), int(gain.argmax())
        fc = model.get_layer("fc")
        kernel, bias = fc.get_weights()
        middle = (gain[second] - gain[first]) / 2
        bias[first] += 100.0
        bias[second] += 100.0 + scores[first] - scores[second] - middle
        fc.set_weights([kernel, bias])
        given = [x * image for x in (np.float32(1.0), np.float32(1.1))]
        best = [ops.convert_to_numpy(model(x)).argmax() for x in given]
        assert best == [first, second]
        cam = explain.GradCAM(model)
        found = cam(image, aug_smooth=True)
        expected = cam(image, first, aug_smooth=True)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        other = cam(image, second, aug_smooth=True)
        assert np.abs(found - other).max() > 0.1


@keras.saving.register_keras_serializable("tests")
class Overwriting(layers.Layer):
    """Applies a convolution, and may overwrite the result with its ReLU."""

    def __init__(self, relu, **kwargs):
        super().__init__(**kwargs)
        self.relu = relu
        self.inner = layers.Conv2D(4, 3, name="inner")

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x):
        return self.relu(self.inner(x))


@pytest.mark.parametrize("method", once_but_first(["GradCAM", "EigenCAM"]))
def test_features_are_those_before_they_are_overwritten(method):
    maps = []
    for relu in (ops.relu, backend.rectify):
        keras.utils.set_random_seed(0)
        inputs = keras.Input(explained.SIZE)
        x = Overwriting(relu, name="outer")(inputs)
        x = layers.Dense(3)(layers.GlobalAveragePooling2D()(x))
        cam = getattr(explain, method)(keras.Model(inputs, x), "inner")
        maps.append(cam(explained.images(), 1))
    np.testing.assert_allclose(*maps, atol=1e-5)


@pytest.mark.once
class TestCalls:
    def test_of_a_layer_can_be_chosen(self):
        model, pair = explained.siamese()
        maps = [
            explain.GradCAM(model, "body/relu2", call_index=i)(pair, TARGETS)
            for i in (0, 1)
        ]
        right = [np.allclose(x, golden()["y_GradCAM"], atol=1e-4) for x in maps]
        assert sorted(right) == [False, True]

    @pytest.mark.parametrize("index", [2, -3])
    def test_calls_that_do_not_exist_are_rejected(self, index):
        model, pair = explained.siamese()
        with pytest.raises(ValueError, match="one of the 2 calls"):
            explain.GradCAM(model, "body/relu2", call_index=index)(pair)
