import keras
import numpy as np
import pytest
from keras import ops

from keras_attn import backend
from keras_attn.applications import ResNet
from keras_attn.weights import load_torch, to_torch
from tests.cases.resnet_forms import FORMS, NARROW, RECORDED, SMALL
from tests.contracts.cases import keras_setting
from tests.contracts.devices import assert_close, format_error, to_format
from tests.goldens import (
    cotangent,
    load_golden,
    random_weights,
    resnet_images,
)
from tests.marks import once


def recorded(name, data_format="channels_last"):
    """Returns a golden, the model with its weights, and the images."""
    golden = load_golden(name)
    images = to_format(golden["x"].transpose(0, 2, 3, 1), data_format)
    with keras_setting("image_data_format", data_format):
        model = ResNet(
            **{**SMALL, **RECORDED[name], "input_shape": images.shape[1:]}
        )
    load_torch(model, golden["weights"])
    return golden, model, images


# Convolutions in groups and poolings of odd sides are those of the backend.
@pytest.mark.parametrize(
    ("name", "data_format"),
    [
        ("timm_resnet_d", "channels_first"),
        ("timm_seresnext", "channels_last"),
        once("timm_seresnext", "channels_first"),
    ],
)
def test_logits_of_timm(name, data_format):
    if reason := format_error(data_format):
        pytest.skip(reason)
    golden, model, images = recorded(name, data_format)
    assert_close(model.predict(images, verbose=0), golden["y"])


@pytest.mark.once
@pytest.mark.parametrize("name", RECORDED)
def test_logits_gradients_and_names_of_timm(name):
    golden, model, images = recorded(name)
    assert_close(model.predict(images, verbose=0), golden["y"])
    pull = ops.convert_to_tensor(cotangent(golden["y"].shape))
    _, gradient = backend.value_and_gradient(
        lambda x: ops.sum(model(x, training=False) * pull), images
    )
    expected = golden["y_grad"].transpose(0, 2, 3, 1)
    assert_close(ops.convert_to_numpy(gradient), expected, 1e-3)
    ours = to_torch(model)
    for key, array in golden["weights"].items():
        np.testing.assert_array_equal(ours.pop(key), array, err_msg=key)
    assert all(key.endswith("num_batches_tracked") for key in ours)


@pytest.mark.once
@pytest.mark.parametrize("name", FORMS)
def test_each_form_of_timm(name, tolerance):
    golden = load_golden("resnet_forms")
    shapes = golden["meta"]["shapes"][name]
    shapes = {key: tuple(shape) for key, shape in shapes.items()}
    model = ResNet(**{**NARROW, **FORMS[name]})
    load_torch(model, random_weights(shapes))
    logits = model.predict(resnet_images(), verbose=0)
    # One network has layer normalisations of two numbers.
    assert_close(logits, golden[name], 4 * tolerance)
    if name not in ("clip", "legacy"):
        # Those are written with the names of other networks.
        assert to_torch(model).keys() == shapes.keys()


@pytest.mark.once
@pytest.mark.parametrize("size", [(32, 40), (35, 37)])
def test_the_pooling_of_caffe_has_no_padding(size):
    model = ResNet(
        **{**NARROW, "input_shape": (*size, 3)}, stem_pooling="caffe"
    )
    inner = keras.Model(
        model.input,
        [model.get_layer(x).output for x in ("stem_conv", "stem")],
    )
    x = np.random.default_rng(0).normal(size=(1, *size, 3))
    maps, pooled = inner.predict(x, verbose=0)
    height, width = maps.shape[1:3]
    # The last window begins inside of the map and may end outside.
    expected = [
        [
            maps[:, i : i + 3, j : j + 3].max((1, 2))
            for j in range(0, width - 1, 2)
        ]
        for i in range(0, height - 1, 2)
    ]
    expected = np.transpose(expected, (2, 0, 1, 3))
    np.testing.assert_array_equal(pooled, expected)
