import keras
import numpy as np
import pytest

from applications.image_classification import efficientnet_lite0
from keras_attn.weights import load_torch, to_torch
from tests.contracts import devices
from tests.goldens import efficientnet_weights, load_golden, resnet_images


@pytest.mark.parametrize("data_format", devices.FORMATS)
def test_the_outputs_are_those_of_timm(data_format):
    if problem := devices.format_error(data_format):
        pytest.skip(problem)
    keras.config.set_image_data_format(data_format)
    golden = load_golden("efficientnet_lite0")
    shapes = {k: tuple(v) for k, v in golden["meta"]["shapes"].items()}
    weights = efficientnet_weights(shapes)
    model = efficientnet_lite0.build()
    load_torch(model, weights)
    pixels = devices.to_format(127 + 128 * resnet_images(), data_format)
    found = np.log(keras.ops.convert_to_numpy(model(pixels)))
    logits = golden["logits"]
    # Logits are known up to a constant.
    expected = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    again = to_torch(model)
    for name, array in weights.items():
        np.testing.assert_array_equal(again[name], array)


def test_other_models_have_no_such_names():
    image = keras.Input((8, 8, 3))
    other = keras.Model(image, keras.layers.Conv2D(2, 1)(image))
    assert efficientnet_lite0.torch_names(other) is None
