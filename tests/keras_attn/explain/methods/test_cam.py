import keras
import numpy as np
import pytest
from keras import layers

from keras_attn import explain
from tests.cases import explained
from tests.cases.explained import TARGETS, golden
from tests.cases.explained_in_numpy import normalize, recorded, resize

pytestmark = pytest.mark.once

NO_HEAD = "must end in global average pooling of the layer and one Dense layer"


def sums():
    """Returns `sum_k w_kc A^k` of the recorded network."""
    weights = golden()["weights"]["fc.weight"][TARGETS].astype("float64")
    return (weights[:, None, None] * recorded().features).sum(-1)


def ending_in(*head):
    """Returns a model with the recorded features and weights, and a head."""
    inputs = keras.Input(explained.SIZE)
    outputs = explained.chain(inputs, [*explained.steps(), *head])
    model = keras.Model(inputs, outputs)
    for layer in model.layers:
        if layer.name.startswith("conv"):
            explained.load(layer)
    return model


class TestEquation:
    def test_with_relu_is_what_was_recorded_for_grad_cam(self):
        maps = recorded().maps("CAM", relu=True)
        expected = golden()["y_GradCAM"]
        np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-4)

    def test_without_relu_is_the_sum_minus_its_minimum(self):
        expected = normalize(resize(normalize(sums()), explained.SIZE[:2]))
        for options in ({}, {"relu": False}):
            maps = recorded().maps("CAM", **options)
            np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-4)
        # Otherwise ReLU makes no difference.
        assert (sums().min((1, 2)) < 0).all()

    def test_without_targets_is_that_of_the_highest_score(self):
        case = recorded()
        best = case.scores.argmax(axis=1)
        assert {*best} != {0}
        expected = case.maps("CAM", best.tolist())
        np.testing.assert_array_equal(case.maps("CAM", None), expected)

    def test_is_grad_cam_times_the_number_of_positions(self):
        """`mean_ij dy / dA_ij^k = w_k / (h w)`."""
        expected = sums()
        close = {"rtol": 0, "atol": 1e-4 * np.abs(expected).max()}
        maps = recorded().sums("CAM")
        np.testing.assert_allclose(maps, expected, **close)
        maps = recorded().sums("GradCAM") * (16 * 12)
        np.testing.assert_allclose(maps, expected, **close)


class TestHead:
    def test_of_a_convolution_by_one_pixel(self):
        model = ending_in(
            layers.GlobalAveragePooling2D(keepdims=True),
            layers.Conv2D(5, 1, name="fc"),
            layers.Flatten(),
        )
        cam = explain.CAM(explained.load(model), "relu2", relu=True)
        maps = cam(explained.images(), TARGETS)
        expected = golden()["y_GradCAM"]
        np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-4)

    def test_of_a_dense_layer_without_bias(self):
        head = layers.GlobalAveragePooling2D(), layers.Dense(5, use_bias=False)
        model = ending_in(*head)
        weights = golden()["weights"]["fc.weight"]
        model.layers[-1].set_weights([weights.T])
        maps = explain.CAM(model, relu=True)(explained.images(), TARGETS)
        expected = golden()["y_GradCAM"]
        np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-4)

    @pytest.mark.parametrize(
        "head",
        [
            # The first kernel has the right number of weights.
            lambda: [
                layers.GlobalAveragePooling2D(),
                layers.Dense(5, activation="relu"),
                layers.Dense(5),
            ],
            lambda: [
                layers.GlobalAveragePooling2D(),
                layers.Dense(16, activation="relu"),
                layers.Dense(5),
            ],
            lambda: [layers.GlobalMaxPooling2D(), layers.Dense(5)],
            lambda: [layers.Flatten(), layers.Dense(5)],
            lambda: [
                layers.GlobalAveragePooling2D(),
                layers.Dense(5),
                layers.Rescaling(2.0),
            ],
        ],
        ids=["small_mlp", "mlp", "max_pooling", "flatten", "scaled"],
    )
    def test_another_one_is_refused(self, head):
        model = ending_in(*head())
        cam = explain.CAM(model, "relu2")
        with pytest.raises(ValueError, match=NO_HEAD) as error:
            cam(explained.images(), TARGETS)
        assert f"Received: the model {model.name!r}" in str(error.value)
        assert "'relu2'" in str(error.value)
        assert "GradCAM" in str(error.value)

    # With another number of channels, with the same number, and before ReLU.
    @pytest.mark.parametrize("layer", ["pool", "relu1", "conv2"])
    def test_a_layer_before_the_last_is_refused(self, layer):
        cam = explain.CAM(recorded().network, layer)
        with pytest.raises(ValueError, match=NO_HEAD):
            cam(explained.images(), TARGETS)


@pytest.mark.parametrize(
    "targets",
    [
        lambda scores: scores[:, 0],
        explain.MaskedMean(0, np.ones((4, 4))),
    ],
    ids=["callable", "masked_mean"],
)
def test_targets_that_are_no_classes_are_refused(targets):
    if isinstance(targets, explain.MaskedMean):
        network = explain.Network(explained.segmentation())
    else:
        network = recorded().network
    cam = explain.CAM(network, "relu2")
    with pytest.raises(ValueError, match="`targets` must be class indices"):
        cam(explained.images(), targets)
