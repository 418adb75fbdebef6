import functools

import keras
import numpy as np
import pytest
from keras import ops

from keras_attn import backend
from keras_attn.applications import ResNet18, ResNet50, ResNetCIFAR, resnet
from keras_attn.layers import DIA, ECA, FCA, GCT, SE, names
from keras_attn.weights import load_torch, to_torch
from tests.cases import RESNET
from tests.contracts import MODEL_CHECKS, ModelCase
from tests.contracts.saving import check_fresh_process_load
from tests.goldens import (
    cotangent,
    load_golden,
    random_weights,
    resnet_images,
)

# The numbers are torchvision's, below.
CHECKS = [c for c in MODEL_CHECKS if c.__name__ != "check_matches_reference"]


@pytest.mark.parametrize("check", CHECKS)
def test_keeps_the_contract(check, tmp_path):
    check(RESNET, tmp_path)


def trainable(model):
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


@pytest.mark.parametrize(
    ("name", "bottleneck"), [("basic", False), ("bottleneck", True)]
)
class TestTorchvision:
    def model(self, bottleneck):
        """Returns one block a stage, with the golden's weights."""
        function = resnet._resnet(0, bottleneck, (1, 1, 1, 1), 0)
        model = function(
            input_shape=(64, 63, 3), classes=5, classifier_activation=None
        )
        shapes = {k: array.shape for k, array in to_torch(model).items()}
        load_torch(model, random_weights(shapes))
        return model

    def test_logits_and_gradients(self, name, bottleneck):
        golden, model = load_golden(f"resnet_{name}"), self.model(bottleneck)
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
        # A ReLU that rounding flips moves it by a hundredth.
        assert away < 2e-2 * np.linalg.norm(golden["gradient"])


@pytest.mark.parametrize(
    ("attention", "more"),
    # 25,557,032 is torchvision's; more by the blocks' own formulas, of which
    # the papers print 28.09 M for SE, 80 for ECA and 60,416 for SRM.
    [
        (None, 0),
        ("se", 2_530_992),
        (functools.partial(SE, use_bias=False), 2_514_944),
        ([functools.partial(ECA, kernel_size=k) for k in (3, 5, 5, 7)], 80),
        ("eca", 86),
        ("srm", 60_416),
        ("fca", 2_514_944),
        ("cbam", 2_530_992 + 16 * 100),
        # The sum over the last blocks of the four stages.
        ("gsop", 230_784 + 394_880 + 723_072 + 1_379_456),
    ],
    ids=str,
)
def test_parameters_of_resnet50(attention, more):
    model = ResNet50(attention=attention)
    assert trainable(model) == 25_557_032 + more


def test_parameters_of_resnet18():
    assert trainable(ResNet18()) == 11_689_512


def attention_layers(model):
    return [la.name for la in model.layers if "attention" in la.name]


def test_attention_ends_each_branch():
    assert attention_layers(ResNetCIFAR(depth=14, attention="eca")) == [
        f"stage{s}_block{b}_attention" for s in (1, 2, 3) for b in (1, 2)
    ]


def test_attention_ends_each_stage():
    model = ResNetCIFAR(depth=14, attention="eca", placement="last")
    assert attention_layers(model) == [
        f"stage{s}_block2_attention" for s in (1, 2, 3)
    ]


def test_gct_goes_before_each_convolution():
    model = ResNetCIFAR(depth=8, attention="gct")
    convolutions = [
        layer for layer in model.layers if hasattr(layer, "convolution")
    ]
    sources = {id(layer.output): layer for layer in model.layers}
    for layer in convolutions:
        assert isinstance(sources[id(layer.input)], GCT), layer.name
    assert len(attention_layers(model)) == len(convolutions) == 9


@pytest.mark.parametrize("name", ["dia", "gsop", "fca"])
def test_loads_in_a_fresh_process(name, tmp_path):
    attention = {"fca": functools.partial(FCA, frequencies="top4")}
    case = ModelCase(
        function=ResNetCIFAR,
        name=f"resnet_{name}",
        kwargs={"depth": 8, "attention": attention.get(name, name)},
        shape=(9, 8, 3),
    )
    check_fresh_process_load(case, tmp_path)


def test_dia_is_one_cell_a_stage():
    model = ResNetCIFAR(depth=14, attention="dia")
    found = [layer for layer in model.layers if isinstance(layer, DIA)]
    assert len(found) == 3
    # One a block would be twice as many.
    alone = ResNetCIFAR(depth=14, attention="dia", placement="block")
    assert sum(isinstance(layer, DIA) for layer in alone.layers) == 6


def test_the_state_of_dia_goes_from_block_to_block():
    model = ResNetCIFAR(depth=14, attention="dia")
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    names = ("block1_conv2", "block1_relu", "block2_conv2")
    layers = [model.get_layer(f"stage1_{name}") for name in names]
    outputs = [layer.output for layer in (*layers, model.get_layer("stage1"))]
    first, shortcut, second, expected = keras.Model(
        model.input, outputs
    ).predict(x, verbose=0)
    dia = model.get_layer("stage1_attention")
    _, h, c = dia(first)
    y, _, _ = dia(second, initial_state=[h, c])
    y = np.maximum(shortcut + ops.convert_to_numpy(y), 0.0)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [None, "dia", "fca", "gct", "gsop", "cbam"])
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


def test_features_instead_of_classes():
    kwargs = {"depth": 8, "include_top": False}
    assert ResNetCIFAR(**kwargs).output.shape == (None, 8, 8, 64)
    model = ResNetCIFAR(**kwargs, pooling="avg", input_shape=(20, 12, 1))
    assert model.output.shape == (None, 64)


def test_starts_as_the_network_without_attention():
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    plain = ResNetCIFAR(depth=8)
    attention = functools.partial(SE, identity_start=True)
    model = ResNetCIFAR(depth=8, attention=attention)
    load_torch(model, to_torch(plain), strict=False)
    np.testing.assert_array_equal(
        model.predict(x, verbose=0), plain.predict(x, verbose=0)
    )


@pytest.mark.parametrize("attribute", ["se", "eca", "attention"])
def test_attention_is_called_as_others_call_it(attribute):
    model = ResNetCIFAR(depth=8, attention="eca")
    arrays = {
        name.replace(".se.", f".{attribute}."): array + 1
        for name, array in to_torch(model).items()
    }
    assert f"layer1.0.{attribute}.conv.weight" in arrays
    load_torch(model, arrays)
    again = to_torch(model)
    np.testing.assert_array_equal(
        again["layer3.0.se.conv.weight"],
        arrays[f"layer3.0.{attribute}.conv.weight"],
    )


def test_says_which_names_of_a_checkpoint_do_not_fit():
    arrays = to_torch(ResNetCIFAR(depth=8))
    arrays["conv1.0.weight"] = arrays.pop("conv1.weight")
    with pytest.raises(ValueError, match="(?s)missing: .*conv1.weight"):
        load_torch(ResNetCIFAR(depth=8), arrays)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"depth": 21}, "`depth` must be 6 n"),
        ({"depth": "20"}, "`depth` must be 6 n"),
        ({"attention": "sea"}, "An attention block is one of"),
        ({"attention": "se", "placement": "end"}, "`placement` must be"),
        ({"placement": "last"}, "pass this too"),
        ({"attention": ["se", "se"]}, "each of the 3 stages"),
        ({"attention": "se", "placement": "shared"}, "layers with a state"),
        ({"input_shape": (0, 8, 3)}, "positive integers or None"),
        ({"head": "max"}, "`head` must be"),
        ({"classes": 0}, "`classes` must be"),
    ],
)
def test_refuses(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ResNetCIFAR(**kwargs)


def test_preprocessing():
    x = np.arange(24, dtype="uint8").reshape(1, 2, 4, 3)
    y = resnet.preprocess_input(x, "channels_last")
    expected = (x / 255.0 - resnet.MEAN) / resnet.STD
    np.testing.assert_allclose(y, expected, rtol=1e-5)
    first = resnet.preprocess_input(
        ops.convert_to_tensor(x.transpose(0, 3, 1, 2)), "channels_first"
    )
    first = ops.convert_to_numpy(first).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(first, expected, rtol=1e-4, atol=1e-5)


def test_preprocessing_refuses_what_is_not_rgb():
    with pytest.raises(ValueError, match="three channels at axis 3"):
        resnet.preprocess_input(np.zeros((1, 4, 4, 1)), "channels_last")


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
