import functools

import keras
import numpy as np
import pytest

from keras_attn import explain
from tests.cases import explained
from tests.cases import explained_in_numpy as in_numpy
from tests.cases.explained import TARGETS, golden
from tests.cases.explained_in_numpy import recorded

MODES = ["paper", "official", "pytorch_grad_cam"]
every_mode = pytest.mark.parametrize("mode", MODES)
# Before ReLU, sums may be negative, and constant channels matter.
every_layer = pytest.mark.parametrize("layer", ["relu2", "conv2"])
# Biases of channels without contrast: one dead, one positive everywhere.
CONSTANT = {3: -1.0, 5: 0.7}


@functools.cache
def altered(activation=None, channels=tuple(CONSTANT)):
    """Returns the recorded network with constant channels, and its weights."""
    weights = {name: x.copy() for name, x in golden()["weights"].items()}
    for k in channels:
        weights["conv2.weight"][k] = 0.0
        weights["conv2.bias"][k] = CONSTANT.get(k, 0.3)
    # Makes the effect of a constant channel visible.
    weights["fc.weight"][:, 5] = 2.0
    model = explained.functional(activation)
    for name in ("conv2", "fc"):
        kernel = weights[f"{name}.weight"]
        axes = (2, 3, 1, 0) if kernel.ndim == 4 else (1, 0)
        model.get_layer(name).set_weights(
            [kernel.transpose(axes), weights[f"{name}.bias"]]
        )
    return explain.Network(model), weights


def expected(mode, images, weights, layer="relu2", top_k=None):
    """Returns the maps of ScoreCAM."""
    features = in_numpy.features(images, weights, layer)
    size = images.shape[1:3]
    sums = []
    for image, maps, index in zip(images, features, TARGETS, strict=True):
        maps = maps.transpose(2, 0, 1)
        varies = maps.max((1, 2)) > maps.min((1, 2))
        if mode == "pytorch_grad_cam":
            masks = in_numpy.resize(maps, size, align_corners=True)
            masks = in_numpy.normalize(masks, 1e-8)
        else:
            maps = maps[varies]
            masks = in_numpy.normalize(in_numpy.resize(maps, size), 0.0)
        if top_k is not None:
            most = np.argsort(-maps.std((1, 2)))[:top_k]
            maps, masks = maps[most], masks[most]
        scores = in_numpy.scores(image * masks[..., None], weights)
        if mode == "official":
            shares = in_numpy.softmax(scores)[:, index]
            maps = in_numpy.resize(maps, size)
        else:
            shares = in_numpy.softmax(scores[:, index])
        sums.append((shares[:, None, None] * maps).sum(0))
    sums = np.stack(sums)
    if mode == "official":
        # Resized first, so that only ReLU and scaling remain.
        return in_numpy.normalize(in_numpy.relu(sums))
    return in_numpy.finish(sums, size=size)


def count_runs(cam, monkeypatch):
    """Returns a list that records the images of each run."""
    runs = []
    forward = cam.network.forward

    def counted(inputs, *args, **kwargs):
        runs.append(keras.ops.convert_to_numpy(inputs.images))
        return forward(inputs, *args, **kwargs)

    monkeypatch.setattr(cam.network, "forward", counted)
    return runs


def test_is_what_was_recorded():
    maps = recorded().maps("ScoreCAM", mode="pytorch_grad_cam")
    np.testing.assert_allclose(maps, golden()["y_ScoreCAM"], rtol=0, atol=1e-4)


@pytest.mark.once
@every_mode
class TestEquation:
    @every_layer
    def test_of_the_recorded_network(self, mode, layer):
        cam = explain.ScoreCAM(recorded().network, layer, mode=mode)
        maps = cam(explained.images(), TARGETS)
        weights = golden()["weights"]
        wanted = expected(mode, explained.images(), weights, layer)
        np.testing.assert_allclose(maps, wanted, rtol=0, atol=1e-4)

    def test_without_targets_is_that_of_the_highest_score(self, mode):
        case = recorded()
        maps = case.maps("ScoreCAM", None, mode=mode)
        wanted = case.maps("ScoreCAM", case.scores.argmax(axis=1), mode=mode)
        np.testing.assert_array_equal(maps, wanted)

    @every_layer
    @pytest.mark.parametrize("activation", [None, "softmax"])
    def test_of_channels_without_contrast(self, mode, activation, layer):
        network, weights = altered(activation)
        images = explained.images()
        features = in_numpy.features(images, weights, layer)
        assert (np.ptp(features, axis=(1, 2)) == 0).sum(axis=1).min() >= 2
        cam = explain.ScoreCAM(network, layer, mode=mode)
        wanted = expected(mode, images, weights, layer)
        maps = cam(images, TARGETS)
        np.testing.assert_allclose(maps, wanted, rtol=0, atol=1e-4)

    def test_without_any_contrast_is_zero(self, mode, monkeypatch):
        network, _ = altered(channels=tuple(range(16)))
        cam = explain.ScoreCAM(network, "relu2", mode=mode)
        runs = count_runs(cam, monkeypatch)
        with pytest.warns(UserWarning, match="are 0 everywhere"):
            maps = cam(explained.images(), TARGETS)
        np.testing.assert_array_equal(maps, 0.0)
        # One run for the features, and at most one for a blank image.
        assert len(runs) == (2 if mode == "pytorch_grad_cam" else 1)


@pytest.mark.once
@every_mode
class TestRuns:
    def test_any_number_at_once_gives_the_same(self, mode):
        network, _ = altered()
        cam = explain.ScoreCAM(network, "relu2", mode=mode)
        images = explained.images()[:2]
        whole = cam(images, TARGETS[:2])
        for batch_size in (1, 5):
            maps = cam(images, TARGETS[:2], batch_size=batch_size)
            np.testing.assert_allclose(maps, whole, rtol=0, atol=1e-5)

    def test_none_for_channels_without_contrast(self, mode, monkeypatch):
        network, weights = altered()
        cam = explain.ScoreCAM(network, "relu2", mode=mode)
        runs = count_runs(cam, monkeypatch)
        images = explained.images()[:2]
        features = in_numpy.features(images, weights)
        varying = (features.max((1, 2)) > features.min((1, 2))).sum(axis=1)
        assert (varying <= 14).all() and (varying > 5).all()
        cam(images, TARGETS[:2], batch_size=1)
        # Runs for the features, for each channel, and for a blank image.
        blank = mode == "pytorch_grad_cam"
        assert len(runs) == (varying + 1 + blank).sum()
        assert all(len(each) == 1 for each in runs)
        assert sum(not each.any() for each in runs) == 2 * blank

    def test_batches_span_images(self, mode, monkeypatch):
        network, weights = altered()
        cam = explain.ScoreCAM(network, "relu2", mode=mode)
        runs = count_runs(cam, monkeypatch)
        cam(explained.images(), TARGETS, batch_size=8)
        features = in_numpy.features(explained.images(), weights)
        varying = (features.max((1, 2)) > features.min((1, 2))).sum()
        blank = mode == "pytorch_grad_cam"
        assert len(runs) == 1 + -(-varying // 8) + blank
        assert all(len(each) <= 8 for each in runs)

    def test_no_gradient(self, mode, monkeypatch):
        case = recorded()
        monkeypatch.setattr(case.network, "gradients", None)
        case.maps("ScoreCAM", mode=mode, top_k=1)


@pytest.mark.once
@every_mode
class TestTopK:
    @pytest.mark.parametrize("top_k", [1, 4])
    def test_takes_the_channels_that_vary_most(self, mode, top_k):
        network, weights = altered()
        images = explained.images()
        cam = explain.ScoreCAM(network, "relu2", mode=mode, top_k=top_k)
        wanted = expected(mode, images, weights, top_k=top_k)
        maps = cam(images, TARGETS)
        np.testing.assert_allclose(maps, wanted, rtol=0, atol=1e-4)

    def test_of_more_than_there_are_is_all(self, mode):
        case = recorded()
        wanted = case.maps("ScoreCAM", mode=mode)
        maps = case.maps("ScoreCAM", mode=mode, top_k=100)
        np.testing.assert_allclose(maps, wanted, rtol=0, atol=1e-5)

    def test_runs_the_model_no_more_often(self, mode, monkeypatch):
        network, _ = altered()
        cam = explain.ScoreCAM(network, "relu2", mode=mode, top_k=2)
        runs = count_runs(cam, monkeypatch)
        cam(explained.images(), TARGETS)
        assert [len(each) for each in runs] == [3, 3 * 2]


@pytest.mark.parametrize("mode", ["exact", "Paper", None])
def test_another_mode_is_refused(mode):
    with pytest.raises(ValueError, match="`mode` must be one of .*official"):
        recorded().cam("ScoreCAM", mode=mode)


@pytest.mark.parametrize("top_k", [0, -1, 2.0, "all", True])
def test_another_top_k_is_refused(top_k):
    with pytest.raises(ValueError, match="`top_k` must be a positive integer"):
        recorded().cam("ScoreCAM", top_k=top_k)
