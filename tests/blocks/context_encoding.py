import keras
import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from benchmarks.twins import Twin
from keras_attn.layers.blocks.context_encoding import ContextEncoding
from keras_attn.weights import load_torch, to_torch
from tests.blocks import encoding
from tests.cases.drawn import Example
from tests.cases.equations import normalized, relu, sigmoid
from tests.cases.strategies import COUNTS, SMALL, arguments, gates, images
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.calls import gradients
from tests.contracts.devices import FORMATS, from_format, to_format
from tests.contracts.extremes import check_extremes
from tests.goldens import load_golden


def context_encoding(weights, x):
    features = x @ weights["projection/convolution/kernel"][0, 0]
    features = normalized(weights, features, "projection/normalization")
    codes = ("encoding/codewords", "encoding/scale")
    codes = [weights[name] for name in codes]
    _, codes = encoding.residuals(relu(features), *codes)
    codes = normalized(weights, codes.transpose(0, 2, 1), "code_normalization")
    context = relu(codes).mean(2)
    gates = sigmoid(context @ weights["gate_kernel"] + weights["gate_bias"])
    y = relu(x + x * gates[:, None, None])
    if "presence_kernel" not in weights:
        return y
    logits = context @ weights["presence_kernel"] + weights["presence_bias"]
    return [y, logits]


IN_FLOAT32 = (
    "projection",
    "convolution",
    "normalization",
    "code_normalization",
)


CASES = (
    LayerCase(
        cls=ContextEncoding,
        kwargs={"num_codes": 4},
        num_weights=9,
        reference=context_encoding,
        in_float32=IN_FLOAT32,
    ),
    LayerCase(
        cls=ContextEncoding,
        kwargs={"num_codes": 3, "num_classes": 5},
        num_weights=11,
        reference=context_encoding,
        in_float32=IN_FLOAT32,
    ),
)
REFUSED = {
    "num_codes": [*COUNTS, None],
    "num_classes": COUNTS,
}


@st.composite
def examples(draw):
    layout, x = draw(images())
    kwargs = arguments(
        draw, layout, {"num_codes": SMALL}, {"num_classes": st.none() | SMALL}
    )
    classes = kwargs.get("num_classes")

    def outputs(shape, **call):
        return [shape, *([(shape[0], classes)] if classes else [])]

    return Example(ContextEncoding, kwargs, x, outputs, gates(layout))


EXAMPLES = examples()


def plain():
    """Returns the class in plain PyTorch, as published."""
    import torch.nn.functional as F
    from torch import nn

    Encoding = encoding.plain()

    class ContextEncoding(nn.Module):
        """Gates channels by the mean over the codewords."""

        def __init__(self, channels, size, codes=32):
            super().__init__()
            self.encoding = nn.Sequential(
                nn.Conv2d(channels, channels, 1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
                Encoding(channels, size, codes),
                nn.BatchNorm1d(codes),
                nn.ReLU(inplace=True),
            )
            self.fc = nn.Sequential(nn.Linear(channels, channels), nn.Sigmoid())

        def forward(self, x):
            gates = self.fc(self.encoding(x).mean(1))
            return F.relu(x + x * gates[:, :, None, None], inplace=True)

    return ContextEncoding


TWINS = (Twin(plain),)


@contract(CASES, (*LAYER_CHECKS, check_extremes))
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


def from_golden(golden, data_format):
    layer = ContextEncoding(**golden_kwargs(golden), data_format=data_format)
    layer.build(to_format(golden["x"], data_format).shape)
    return layer


def golden_kwargs(golden):
    return {key: golden["meta"][key] for key in ("num_codes", "num_classes")}


def published(weights):
    """Renames the weights of the golden as in the published code."""
    names = {
        "conv": "encoding.0",
        "bn1": "encoding.1",
        "bn2": "encoding.4",
        "fc": "fc.0",
        "selayer": "selayer",
    }
    renamed = {}
    for name, array in weights.items():
        if name.startswith("encoding_"):
            name = name.replace("encoding_", "encoding.3.")
        else:
            stem, last = name.split(".")
            name = f"{names[stem]}.{last}"
        renamed[name] = array
    return renamed


@pytest.mark.parametrize("data_format", FORMATS)
class TestGolden:
    def test_outputs(self, data_format):
        golden = load_golden("enc")
        layer = from_golden(golden, data_format)
        load_torch(layer, golden["weights"])
        y, logits = layer(to_format(golden["x"], data_format))
        y = from_format(ops.convert_to_numpy(y), data_format)
        for found, expected in ((y, golden["y"]), (logits, golden["y_se"])):
            size = np.abs(expected).max()
            np.testing.assert_allclose(
                ops.convert_to_numpy(found),
                expected,
                rtol=1e-5,
                atol=1e-6 * size,
            )

    @pytest.mark.parametrize("names", ["short", "published"])
    def test_weights_survive_a_round_trip(self, names, data_format):
        golden = load_golden("enc")
        weights = golden["weights"]
        layer = from_golden(golden, data_format)
        load_torch(layer, published(weights) if names != "short" else weights)
        back = to_torch(layer)
        assert set(back) == set(weights)
        for key, array in weights.items():
            np.testing.assert_array_equal(back[key], array)

    def test_logits_do_not_change_the_output(self, data_format):
        golden = load_golden("enc")
        layer = ContextEncoding(8, data_format=data_format)
        x = to_format(golden["x"], data_format)
        layer.build(x.shape)
        weights = {
            name: array
            for name, array in golden["weights"].items()
            if not name.startswith("selayer")
        }
        load_torch(layer, weights)
        y = from_format(ops.convert_to_numpy(layer(x)), data_format)
        size = np.abs(golden["y"]).max()
        np.testing.assert_allclose(y, golden["y"], rtol=1e-5, atol=1e-6 * size)


def image():
    return np.random.default_rng(0).normal(size=(2, 5, 4, 8)).astype("float32")


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("num_classes", [None, 3])
def test_attention_is_the_gate(num_classes, data_format):
    layer = ContextEncoding(4, num_classes, data_format=data_format)
    x = to_format(image(), data_format)
    gates = ops.convert_to_numpy(layer.attention(x))
    assert gates.shape == (2, 8)
    assert (0.0 < gates).all() and (gates < 1.0).all()
    y = layer(x) if num_classes is None else layer(x)[0]
    expected = np.maximum(image() * (1.0 + gates[:, None, None]), 0.0)
    np.testing.assert_allclose(
        from_format(ops.convert_to_numpy(y), data_format), expected, rtol=1e-5
    )


def test_the_loss_of_the_logits_trains_the_encoding():
    """It does not train the gate, which comes after the logits."""
    layer = ContextEncoding(4, 3, data_format="channels_last")
    layer.build((None, 5, 4, 8))

    class Logits(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = layer
            self.built = True

        def call(self, inputs, training=False):
            return self.inner(inputs, training=training)[1]

    found = {
        name.removeprefix("weight "): np.any(gradient)
        for name, gradient in gradients(Logits(), image()).items()
        if name.startswith("weight")
    }
    without = [name for name, any_at_all in found.items() if not any_at_all]
    assert [name.split()[1] for name in without] == ["gate_kernel", "gate_bias"]
    assert len(found) == 11


def test_training_uses_the_statistics_of_the_batch():
    layer = ContextEncoding(4, data_format="channels_last")
    y = ops.convert_to_numpy(layer(image(), training=False))
    moving = layer.normalization.moving_mean
    before = ops.convert_to_numpy(moving).copy()
    trained = ops.convert_to_numpy(layer(image(), training=True))
    assert np.abs(trained - y).max() > 1e-3
    assert np.all(ops.convert_to_numpy(moving) != before)


def test_two_losses_train_two_outputs():
    inputs = keras.Input((None, None, 8))
    layer = ContextEncoding(4, 3, data_format="channels_last", name="context")
    x, presence = layer(inputs)
    assert tuple(x.shape) == (None, None, None, 8)
    assert tuple(presence.shape) == (None, 3)
    model = keras.Model(inputs, [x, presence])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile("sgd", ["mse", loss], loss_weights=[1.0, 0.2])
    before = [ops.convert_to_numpy(w).copy() for w in layer.weights]
    present = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]], "float32")
    for x in (image(), image()[:, :3, :2]):
        history = model.fit(x, [x, present], verbose=0).history
        assert np.isfinite(history["loss"]).all()
    for weight, old in zip(layer.weights, before, strict=True):
        assert np.any(ops.convert_to_numpy(weight) != old), weight.path


@pytest.mark.each_backend
def test_a_logit_that_overflows_is_the_largest_float16():
    layer = ContextEncoding(4, 3, dtype="mixed_float16")
    layer.build(image().shape)
    layer.presence_bias.assign(np.array([1e5, -1e5, 0.0]))
    logits = ops.convert_to_numpy(ops.cast(layer(image())[1], "float32"))
    assert logits[:, :2].tolist() == [[65504.0, -65504.0]] * 2
    assert (np.abs(logits[:, 2]) < 1e3).all()


class TestErrors:
    def test_rejects_another_number_of_channels(self):
        layer = ContextEncoding(data_format="channels_last")
        layer(np.zeros((1, 6, 6, 8)))
        with pytest.raises(ValueError, match="expected axis 3"):
            layer(np.zeros((1, 6, 6, 4)))
