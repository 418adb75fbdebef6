import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from benchmarks.twins import Twin
from keras_attn.layers.blocks.gsop import GSoP
from keras_attn.weights import load_torch, to_torch
from tests.cases.drawn import Example
from tests.cases.equations import (
    adaptive_pool,
    covariance,
    normalized,
    projected,
    relu,
    sigmoid,
)
from tests.cases.strategies import BOOL, COUNTS, SMALL, arguments, images, same
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.calls import gradients
from tests.contracts.devices import FORMATS, to_format
from tests.contracts.extremes import check_extremes
from tests.goldens import load_golden
from tests.goldens.checks import check_golden


def gsop_logits(weights, s, act):
    """Computes logits from a covariance, with four sums per row."""
    # Rows and columns are equal, so the last axis is normalised.
    r = normalized(weights, s, "row_normalization").swapaxes(1, 2)
    kernel, bias = weights["row_kernel"][:, 0], weights["row_bias"]
    o = [
        r[:, i] @ kernel[:, i, j] + bias[4 * i + j]
        for i in range(r.shape[1])
        for j in range(4)
    ]
    o = act(np.stack(o, -1))
    return o @ weights["gate_kernel"] + weights["gate_bias"]


def gsop_channel(strides=1, size=1.0):
    def reference(weights, x):
        p = relu(projected(weights, relu(x[:, ::strides, ::strides])))
        z = gsop_logits(weights, covariance(p), act=lambda o: o)
        return x * size * sigmoid(z)[:, None, None]

    return reference


def gsop_position(grid, strides=1, size=1.0):
    def reference(weights, x):
        p = projected(weights, relu(x[:, ::strides, ::strides]))
        p = adaptive_pool(p, grid, grid).reshape(len(p), grid**2, -1)
        # The covariance of positions over channels.
        z = gsop_logits(weights, covariance(p.swapaxes(1, 2)), act=relu)
        gates = sigmoid(z).reshape(-1, grid, grid, 1)
        return x * size * adaptive_pool(gates, *x.shape[1:3])

    return reference


IN_FLOAT32 = ("normalization", "row_normalization")


CASES = (
    LayerCase(
        cls=GSoP,
        kwargs={"dim": 6},
        name="gsop_channel",
        num_weights=10,
        reference=gsop_channel(),
        in_float32=IN_FLOAT32,
    ),
    LayerCase(
        cls=GSoP,
        kwargs={"dim": 5, "strides": 2, "identity_start": True},
        name="gsop_channel_strided",
        num_weights=10,
        reference=gsop_channel(2, size=2.0),
        in_float32=IN_FLOAT32,
    ),
    LayerCase(
        cls=GSoP,
        kwargs={"dim": 5, "mode": "position", "grid": 4},
        name="gsop_position",
        num_weights=10,
        reference=gsop_position(4),
        in_float32=IN_FLOAT32,
    ),
    LayerCase(
        cls=GSoP,
        kwargs={
            "dim": 4,
            "mode": "position",
            "strides": 2,
            "grid": 3,
            "identity_start": True,
        },
        name="gsop_position_strided",
        num_weights=10,
        reference=gsop_position(3, 2, size=2.0),
        in_float32=IN_FLOAT32,
    ),
)
REFUSED = {
    "dim": [*COUNTS, None],
    "mode": ["spatial", None],
    "strides": [*COUNTS, None, (2, 2)],
    "grid": [*COUNTS, None],
}


@st.composite
def examples(draw):
    required = {"dim": SMALL, "mode": st.sampled_from(["channel", "position"])}
    required["grid"] = st.integers(1, 3)
    optional = {"strides": st.integers(1, 4), "identity_start": BOOL}
    layout, x = draw(images())
    kwargs = arguments(draw, layout, required, optional)

    def attention(shape, **call):
        batch, height, width, channels = layout.sides(shape)
        if kwargs["mode"] == "channel":
            return [(batch, channels)]
        return [(batch, height, width, 1)]

    return Example(GSoP, kwargs, x, same(layout), attention)


EXAMPLES = examples()


def plain():
    """Returns the class in plain PyTorch, as published."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    from benchmarks.plain.covariance import covariance

    class GSoP(nn.Module):
        """Channel mode without strides."""

        def __init__(self, channels, size, dim=128):
            super().__init__()
            self.conv = nn.Conv2d(channels, dim, 1)
            self.bn = nn.BatchNorm2d(dim)
            self.row_bn = nn.BatchNorm2d(dim)
            self.row_conv = nn.Conv2d(dim, 4 * dim, (dim, 1), groups=dim)
            self.fc = nn.Conv2d(4 * dim, channels, 1)

        def forward(self, x):
            s = covariance(F.relu(self.bn(self.conv(F.relu(x)))))
            r = self.row_bn(s.unsqueeze(3))
            return x * torch.sigmoid(self.fc(self.row_conv(r)))

    return GSoP


TWINS = (Twin(plain),)

MODES = ("channel", "position")


@contract(CASES, (*LAYER_CHECKS, check_extremes))
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


class PlainlyNamed(GSoP):
    """Returns the weights with the second set of names, as in the golden."""

    torch_names = property(lambda self: GSoP.torch_names.fget(self)[1])


@pytest.mark.parametrize("data_format", FORMATS)
def test_golden(data_format):
    def make(golden, data_format):
        dim = golden["meta"]["attention_dim"]
        return PlainlyNamed(dim, data_format=data_format)

    check_golden("gsop", make, data_format)


OFFICIAL = {
    "conv": "conv_for_DR",
    "bn": "bn_for_DR",
    "row_bn": "row_bn",
    "row_conv": "row_conv_group",
    "fc": "fc_adapt_channels",
}


def test_official_names():
    golden = load_golden("gsop")
    plain, official = (
        GSoP(golden["meta"]["attention_dim"], data_format="channels_last")
        for _ in range(2)
    )
    renamed = {}
    for name, array in golden["weights"].items():
        stem, _, kind = name.partition(".")
        renamed[f"{OFFICIAL[stem]}.{kind}"] = array
    for layer, weights in (
        (plain, golden["weights"]),
        (official, renamed),
    ):
        layer.build(golden["x"].shape)
        load_torch(layer, weights)
    for a, b in zip(plain.weights, official.weights, strict=True):
        np.testing.assert_array_equal(
            ops.convert_to_numpy(a), ops.convert_to_numpy(b)
        )
    assert set(to_torch(official)) == set(renamed)


def test_official_names_in_position_mode():
    layer = GSoP(4, "position", grid=2)
    layer.build((None, 4, 4, 6))
    shapes = {name: w.shape for name, w in to_torch(layer).items()}
    assert shapes["conv_for_DR_spatial.weight"] == (4, 6, 1, 1)
    assert shapes["bn_for_DR_spatial.running_var"] == (4,)
    assert shapes["row_bn_for_spatial.weight"] == (4,)
    assert shapes["row_conv_group_for_spatial.weight"] == (16, 1, 4, 1)
    assert shapes["fc_adapt_channels_for_spatial.weight"] == (4, 16, 1, 1)


@pytest.mark.parametrize(
    ("channels", "weights"),
    [(256, 230_784), (512, 394_880), (1024, 723_072), (2048, 1_379_456)],
)
def test_weights_of_the_published_size(channels, weights):
    layer = GSoP()
    layer.build((None, 14, 14, channels))
    assert sum(np.prod(w.shape) for w in layer.trainable_weights) == weights


def image():
    return np.random.default_rng(0).normal(size=(2, 5, 3, 16)).astype("float32")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("grid", [1, 3, 7, 8])
def test_is_the_identity_at_first_if_asked(mode, grid):
    x = image()
    layer = GSoP(4, mode, grid=grid, identity_start=True)
    y = ops.convert_to_numpy(layer(x))
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("mode", MODES)
def test_learns_from_the_identity(mode):
    layer = GSoP(4, mode, grid=3, identity_start=True)
    layer.build((None, 5, 3, 16))
    found = gradients(layer, image(), training=True)
    assert any(np.any(g) for name, g in found.items() if "weight" in name)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("mode", MODES)
def test_attention_is_what_call_multiplies_by(mode, data_format):
    x = image()
    layer = GSoP(4, mode, grid=3, data_format=data_format)
    inputs = to_format(x, data_format)
    gates = ops.convert_to_numpy(layer.attention(inputs))
    if mode == "channel":
        assert gates.shape == (2, 16)
        gates = gates[:, None, None]
    else:
        assert gates.shape == (2, 5, 3, 1)
    assert gates.std() > 0
    expected = to_format(x * gates, data_format)
    y = ops.convert_to_numpy(layer(inputs))
    np.testing.assert_allclose(y, expected, rtol=1e-5)


def test_strides_skip_the_rows_and_columns_between():
    x, changed = image(), image()
    changed[:, 1::2] += 1.0
    changed[:, :, 1::2] -= 1.0
    layer = GSoP(4, strides=2, data_format="channels_last")
    gates, others = (
        ops.convert_to_numpy(layer.attention(i)) for i in (x, changed)
    )
    np.testing.assert_array_equal(gates, others)
    layer = GSoP(4, data_format="channels_last")
    gates, others = (
        ops.convert_to_numpy(layer.attention(i)) for i in (x, changed)
    )
    assert np.abs(gates - others).max() > 1e-4


def test_the_official_centring_is_wrong():
    """This is why position mode does not follow the official code."""
    dim, positions = 128, 64
    official = np.eye(dim) / positions - np.ones((dim, dim)) / positions**2
    x = np.ones((positions, dim))
    assert np.linalg.eigvalsh(x @ official @ x.T).min() < -1.0
