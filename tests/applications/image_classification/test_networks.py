import keras
import numpy as np
import pytest

from applications.image_classification import networks
from applications.image_classification.config import Config
from applications.image_classification.ranges import scaled
from keras_attn.weights import to_torch
from tests.applications.image_classification.conftest import TINY_VIT


def small(**settings):
    return Config(**{"size": 8, "arguments": "depth=8", **settings})


def pixels(channels=1):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (2, 8, 8, channels), "uint8")


@pytest.mark.parametrize("input_range", ["-1,1", "0,1", "imagenet"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_the_first_layer_scales_pixels(input_range, data_format, monkeypatch):
    if data_format == "channels_first":
        keras.config.set_image_data_format(data_format)
    network = networks.build_network(
        small(input_range=input_range, channels=3), classes=3
    )
    images, expected = pixels(3), scaled(pixels(3), input_range)
    if data_format == "channels_first":
        images = np.moveaxis(images, -1, 1)
        expected = np.moveaxis(expected, -1, 1)
    inside = keras.Model(network.input, network.get_layer("scaling").output)
    found = inside.predict_on_batch(images.astype("float32"))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"attention": "eca"},
        {"network": "ResNet18", "arguments": "head=covariance"},
        {"network": "ViT", "arguments": TINY_VIT},
        {"network": "ViTTiny16", "arguments": "dropout=0.1", "size": 16},
    ],
)
def test_networks_have_a_class_for_each_of_the_data(settings):
    network = networks.build_network(small(**settings), classes=5)
    size = settings.get("size", 8)
    found = network.predict_on_batch(np.zeros((2, size, size, 1), "float32"))
    assert found.shape == (2, 5)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    # Its two parts together are the network.
    seen = networks.backbone_of(network).predict_on_batch(
        np.zeros((2, size, size, 1), "float32")
    )
    again = networks.head_of(network).predict_on_batch(np.asarray(seen))
    np.testing.assert_allclose(again, found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"arguments": "deep=8"}, r"must be arg.*depth.*Received: \['deep'\]"),
        ({"weights": "none.npz"}, "must be a file. Received: none.npz"),
    ],
)
def test_what_there_is_not_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        networks.build_network(small(**settings), classes=3)


def randomized(network):
    rng = np.random.default_rng(1)
    for weight in network.weights:
        weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return network


@pytest.fixture(params=["PyTorch", "Keras"])
def checkpoint(request, tmp_path):
    """A network for three classes, and a file with its weights."""
    network = randomized(networks.build_network(small(), classes=3))
    if request.param == "Keras":
        path = tmp_path / "model.keras"
        network.save(path)
    else:
        path = tmp_path / "model.npz"
        np.savez(path, **to_torch(network))
    return network, path


def test_weights_are_those_of_the_file_but_for_the_classifier(checkpoint):
    network, path = checkpoint
    found = networks.build_network(small(weights=str(path)), classes=5)
    pairs = zip(
        networks.backbone_of(network).get_weights(),
        networks.backbone_of(found).get_weights(),
        strict=True,
    )
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)
    assert found.output_shape == (None, 5)
    assert np.abs(found.get_layer("classifier").get_weights()[0]).max() < 0.5


def test_attention_that_the_network_lacks_is_not_dropped(tmp_path):
    path = tmp_path / "eca.npz"
    network = networks.build_network(small(attention="eca"), classes=3)
    np.savez(path, **to_torch(network))
    config = small(weights=str(path), attention="none")
    with pytest.raises(ValueError, match=f"(?s){path}: .*unexpected: 'layer1"):
        networks.build_network(config, classes=3)


def test_weights_of_another_network_are_refused(checkpoint):
    _, path = checkpoint
    config = small(weights=str(path), arguments="depth=14")
    with pytest.raises(ValueError, match=f"{path}: .*weights"):
        networks.build_network(config, classes=3)
