import keras
import numpy as np
import pytest

from keras_attn import explain
from tests.cases import explained


def refuse(images, match, model=None):
    cam = explain.GradCAM(model or explained.functional(), "relu2")
    with pytest.raises(ValueError, match=match):
        cam(images)


class TestCheck:
    def test_a_single_image_is_rejected_with_advice(self):
        refuse(explained.images()[0], r"Received: shape .*`images\[None\]`")

    def test_another_shape_is_refused(self):
        refuse(
            np.zeros((2, 16, 24, 3)),
            r"expects, \(None, 32, 24, 3\).*Received: shape \(2, 16, 24, 3\)",
        )

    def test_another_order_of_axes_is_refused(self):
        refuse(explained.images().transpose(0, 3, 1, 2), "images as .batch, h")

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_numbers_that_are_not_finite_are_rejected(self, value):
        images = explained.images().copy()
        images[1, 2, 3, 0] = value
        refuse(images, r"finite.*in the images \[1\]")

    def test_an_empty_batch_is_rejected(self):
        refuse(explained.images()[:0], "at least one")

    def test_inputs_of_different_numbers_are_refused(self):
        model, pair = explained.siamese()
        refuse([pair[0], pair[1][:2]], "the same length", model)

    def test_too_few_inputs_are_refused(self):
        model, pair = explained.siamese()
        refuse(pair[0], "must have the shape", model)

    def test_text_is_refused(self):
        refuse(np.array([["a"]]), "arrays of numbers")

    def test_no_images_are_refused(self):
        refuse(np.zeros((3, 5)), "must be a batch of images")

    @pytest.mark.parametrize("kind", ["uint8", "float64", "tensor"])
    def test_numbers_of_any_kind_are_read(self, kind):
        images = np.round(np.abs(explained.images()) * 50) % 255
        given = {
            "uint8": lambda: images.astype("uint8"),
            "float64": lambda: images.astype("float64"),
            "tensor": lambda: keras.ops.convert_to_tensor(images),
        }[kind]()
        cam = explain.GradCAM(explained.functional())
        np.testing.assert_allclose(cam(given), cam(images), atol=1e-6)


class TestModel:
    def test_an_unbuilt_one_is_refused(self):
        model = keras.Sequential([keras.layers.Conv2D(2, 3)])
        with pytest.raises(ValueError, match="unbuilt.*Call it on an image"):
            explain.GradCAM(model)

    def test_something_else_is_refused(self):
        with pytest.raises(ValueError, match="keras.Model. Received"):
            explain.GradCAM("model")

    def test_an_unknown_format_is_refused(self):
        with pytest.raises(ValueError, match="Received: data_format='last'"):
            explain.GradCAM(explained.functional(), data_format="last")

    def test_an_empty_list_of_layers_is_refused(self):
        with pytest.raises(ValueError, match=r"Received: layer=\[\]"):
            explain.GradCAM(explained.functional(), [])

    def test_a_network_has_its_options_already(self):
        network = explain.Network(explained.several_outputs(), output=1)
        with pytest.raises(ValueError, match="not again. Received: output=0"):
            explain.GradCAM(network, output=0)
