import functools

import keras
import numpy as np
import pytest
from keras import ops

from keras_attn import backend
from keras_attn.applications import ResNet, ResNet18, ResNet50, ResNetCIFAR
from keras_attn.layers import ECA, SE, names
from keras_attn.weights import load_torch, to_torch
from tests.cases.models import RESNET, RESNET_FORMS
from tests.contracts import MODEL_CHECKS, contract
from tests.goldens import (
    cotangent,
    load_golden,
    random_weights,
    resnet_images,
)
from tests.marks import once_but_first, thorough

# The reference outputs are those of torchvision and timm below.
CHECKS = [c for c in MODEL_CHECKS if c.__name__ != "check_matches_reference"]


@contract([RESNET, RESNET_FORMS], CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


def trainable(model):
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "bottleneck", "attention"),
    [
        ("basic", False, None),
        ("bottleneck", True, None),
        ("timm_se", True, functools.partial(SE, divisor=8)),
        # timm has the same rule for the kernel size.
        ("timm_eca", False, "eca"),
    ],
)
class TestReference:
    """Comparison with torchvision and timm and the same random weights."""

    def model(self, name, bottleneck, attention):
        """Returns a model of few blocks per stage with the golden's weights."""
        blocks = (2 if "timm" in name else 1, 1, 1, 1)
        model = ResNet(
            blocks=blocks,
            bottleneck=bottleneck,
            input_shape=(64, 63, 3),
            classes=5,
            classifier_activation=None,
            attention=attention,
        )
        shapes = {k: array.shape for k, array in to_torch(model).items()}
        load_torch(model, random_weights(shapes))
        return model

    def test_names_and_shapes(self, name, bottleneck, attention):
        model = self.model(name, bottleneck, attention)
        shapes = {k: list(array.shape) for k, array in to_torch(model).items()}
        assert shapes == load_golden(f"resnet_{name}")["meta"]["shapes"]

    def test_logits_and_gradients(self, name, bottleneck, attention):
        golden = load_golden(f"resnet_{name}")
        model = self.model(name, bottleneck, attention)
        pull = ops.convert_to_tensor(cotangent((2, 5)))

        def function(x):
            return ops.sum(model(x, training=False) * pull)

        images = resnet_images()
        logits = model.predict(images, verbose=0)
        size = np.abs(golden["logits"]).max()
        np.testing.assert_allclose(
            logits, golden["logits"], rtol=1e-4, atol=1e-4 * size
        )
        _, gradient = backend.value_and_gradient(function, images)
        gradient = ops.convert_to_numpy(gradient)[:, ::3, ::3]
        away = np.linalg.norm(gradient - golden["gradient"])
        # A ReLU that rounding flips changes it by one percent.
        assert away < 2e-2 * np.linalg.norm(golden["gradient"])


@pytest.mark.once
@pytest.mark.parametrize(
    ("attention", "more"),
    # torchvision has 25,557,032. The differences follow from the formulas of
    # the blocks; the papers print 28.09 M for SE, 80 for ECA and 60,416 for
    # SRM.
    [
        (None, 0),
        ("se", 2_530_992),
        thorough(functools.partial(SE, use_bias=False), 2_514_944),
        ([functools.partial(ECA, kernel_size=k) for k in (3, 5, 5, 7)], 80),
        thorough("eca", 86),
        thorough("srm", 60_416),
        thorough("fca", 2_514_944),
        thorough("cbam", 2_530_992 + 16 * 100),
        # The sum for the last blocks of the four stages.
        ("gsop", 230_784 + 394_880 + 723_072 + 1_379_456),
    ],
    ids=str,
)
def test_parameters_of_resnet50(attention, more):
    model = ResNet50(attention=attention)
    assert trainable(model) == 25_557_032 + more


@pytest.mark.once
def test_parameters_of_resnet18():
    assert trainable(ResNet18()) == 11_689_512


# Each layer is tested by itself; this tests them in a network.
@pytest.mark.parametrize(
    "name",
    [
        *once_but_first([None, "dia", "fca"]),
        *(
            pytest.param(name, marks=pytest.mark.thorough)
            for name in ("gct", "gsop", "cbam")
        ),
    ],
)
def test_takes_images_of_any_size(name):
    kwargs = {"depth": 8, "attention": name, "classes": 3}
    any_size = ResNetCIFAR(**kwargs, input_shape=(None, None, 3))
    for size in ((9, 8), (16, 12)):
        x = np.random.default_rng(0).normal(size=(2, *size, 3))
        fixed = ResNetCIFAR(**kwargs, input_shape=(*size, 3))
        fixed.set_weights(any_size.get_weights())
        np.testing.assert_allclose(
            any_size.predict(x, verbose=0),
            fixed.predict(x, verbose=0),
            rtol=1e-4,
            atol=1e-6,
        )


@pytest.mark.once
def test_covariance_head():
    kwargs = {"depth": 8, "classes": 3, "classifier_activation": None}
    model = ResNetCIFAR(**kwargs, head="covariance")
    # 1x1 convolution from 64, its normalisation, and 256 * 257 / 2 features.
    more = 64 * 256 + 2 * 256 + 3 * (256 * 257 // 2 - 64)
    assert trainable(model) == trainable(ResNetCIFAR(**kwargs)) + more
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    maps = keras.Model(model.input, model.get_layer("head_conv").output)
    maps = maps.predict(x, verbose=0).astype("float64").reshape(2, -1, 256)
    maps = maps - maps.mean(1, keepdims=True)
    rows, columns = np.triu_indices(256)
    kernel, bias = map(
        ops.convert_to_numpy, model.get_layer("classifier").weights
    )
    for logits, image in zip(model.predict(x, verbose=0), maps, strict=True):
        covariance = image.T @ image / len(image)
        trace = np.trace(covariance) + 256e-8
        y, z = covariance / trace, np.eye(256)
        for _ in range(5):
            step = 0.5 * (3 * np.eye(256) - z @ y)
            y, z = y @ step, step @ z
        features = np.sqrt(trace) * y[rows, columns]
        np.testing.assert_allclose(
            logits, features @ kernel + bias, rtol=1e-3, atol=1e-5
        )


@pytest.mark.once
def test_features_instead_of_classes():
    kwargs = {"depth": 8, "include_top": False}
    assert ResNetCIFAR(**kwargs).output.shape == (None, 8, 8, 64)
    model = ResNetCIFAR(**kwargs, pooling="avg", input_shape=(20, 12, 1))
    assert model.output.shape == (None, 64)


@pytest.mark.once
@pytest.mark.parametrize(
    ("kwargs", "convolutions"),
    [
        ({"depth": 20}, 19 + 2),
        ({"depth": 20, "bottleneck": True}, 19 + 3),
        ({"depth": 29}, 28 + 3),
        ({"depth": 110}, 109 + 2),
        ({"depth": 164}, 163 + 3),
    ],
)
def test_depth(kwargs, convolutions):
    # Without the classifier, and with a shortcut where channels change.
    model = ResNetCIFAR(**kwargs)
    found = [la for la in model.layers if hasattr(la, "convolution")]
    assert len(found) == convolutions


@pytest.mark.once
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"depth": 21}, "`depth` must be 6 n"),
        ({"depth": "20"}, "`depth` must be 6 n"),
        ({"depth": 14, "bottleneck": True}, "`depth` must be 6 n"),
        ({"depth": 29, "bottleneck": False}, "`depth` must be 6 n"),
        ({"attention": "sea"}, "The attention block must be one of"),
        ({"attention": "se", "placement": "end"}, "`placement` must be"),
        ({"placement": "last"}, "must be combined with"),
        ({"attention": ["se", "se"]}, "each of the 3 stages"),
        ({"attention": "se", "placement": "shared"}, "a layer with a state"),
        ({"input_shape": (0, 8, 3)}, "positive integers or None"),
        ({"head": "max"}, "`head` must be"),
        ({"classes": 0}, "`classes` must be"),
    ],
)
def test_refuses(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ResNetCIFAR(**kwargs)


def digits():
    """Returns 100 of scikit-learn's handwritten digits."""
    datasets = pytest.importorskip("sklearn.datasets")
    data = datasets.load_digits()
    return data.images[:100, ..., None] / 16.0, data.target[:100]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(names()) - {"feature_act"}))
def test_trains_an_epoch_on_digits(name):
    images, labels = digits()
    model = ResNetCIFAR(depth=8, attention=name, input_shape=(8, 8, 1))
    model.compile(
        keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy"
    )
    first = model.evaluate(images, labels, verbose=0)
    model.fit(images, labels, batch_size=50, epochs=3, verbose=0)
    history = model.fit(images, labels, batch_size=50, verbose=0).history
    assert np.isfinite(history["loss"][0]) and history["loss"][0] < first
