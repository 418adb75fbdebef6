import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from benchmarks.twins import Twin
from keras_attn.layers.blocks.global_context import GlobalContext
from keras_attn.weights import load_torch
from tests.cases.equations import relu, sigmoid
from tests.cases.strategies import (
    COUNTS,
    EPSILON,
    NUMBERS,
    RATIO,
    SMALL,
    of_sides,
    on_images,
)
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.devices import FORMATS, to_format
from tests.contracts.extremes import check_extremes
from tests.goldens import load_golden
from tests.goldens.checks import check_golden


def global_context(scale=False, epsilon=1e-5):
    def reference(weights, x):
        tokens = x.reshape(len(x), -1, x.shape[-1])
        logits = tokens @ weights["mask_kernel"]
        a = np.exp(logits - logits.max(1, keepdims=True))
        a = a / a.sum(1, keepdims=True)
        v = (a * tokens).sum(1) @ weights["reduce_kernel"]
        v = v + weights["reduce_bias"]
        v = v - v.mean(1, keepdims=True)
        v = v / np.sqrt((v**2).mean(1, keepdims=True) + epsilon)
        v = v * weights["normalization/gamma"] + weights["normalization/beta"]
        t = relu(v) @ weights["expand_kernel"] + weights["expand_bias"]
        t = t[:, None, None]
        return x * sigmoid(t) if scale else x + t

    return reference


CASES = (
    LayerCase(
        cls=GlobalContext,
        kwargs={"ratio": 2},
        num_weights=7,
        reference=global_context(),
        in_float32=("normalization",),
    ),
    LayerCase(
        cls=GlobalContext,
        kwargs={"hidden": 3, "fusion": "scale", "epsilon": 1e-2},
        num_weights=7,
        reference=global_context(True, 1e-2),
        in_float32=("normalization",),
    ),
)
REFUSED = {
    "ratio": [*COUNTS, None],
    "hidden": COUNTS,
    "fusion": ["multiply", None],
    "epsilon": [*NUMBERS, 0.0, float("inf")],
}
EXAMPLES = on_images(
    GlobalContext,
    optional={
        "ratio": RATIO,
        "hidden": st.none() | SMALL,
        "fusion": st.sampled_from(["add", "scale"]),
        "epsilon": EPSILON,
    },
    attention=of_sides(lambda b, h, w, c: [(b, c), (b, h, w, 1)]),
)


def plain():
    """Returns the class in plain PyTorch, as published."""
    import torch
    from torch import nn

    class GlobalContext(nn.Module):
        """Adds the transformed context."""

        def __init__(self, channels, size, ratio=16):
            super().__init__()
            hidden = channels // ratio
            self.conv_mask = nn.Conv2d(channels, 1, 1)
            self.channel_add_conv = nn.Sequential(
                nn.Conv2d(channels, hidden, 1),
                nn.LayerNorm([hidden, 1, 1]),
                nn.ReLU(inplace=True),
                nn.Conv2d(hidden, channels, 1),
            )

        def forward(self, x):
            a = self.conv_mask(x).flatten(2).softmax(2).unsqueeze(3)
            context = torch.matmul(x.flatten(2).unsqueeze(1), a)
            context = context.view(len(x), -1, 1, 1)
            return x + self.channel_add_conv(context)

    return GlobalContext


TWINS = (Twin(plain),)


@contract(CASES, (*LAYER_CHECKS, check_extremes))
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


def timm(golden, data_format="channels_last"):
    added = any("mlp_add" in name for name in golden["weights"])
    return GlobalContext(
        hidden=golden["meta"]["hidden"],
        fusion="add" if added else "scale",
        epsilon=1e-6,
        data_format=data_format,
    )


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(
    ("name", "dtype"), [("timm_gc", "float32"), ("timm_gca", "float64")]
)
def test_golden(name, dtype, data_format):
    check_golden(name, timm, data_format, dtype)


@pytest.mark.once
@pytest.mark.parametrize(("name", "kind"), [("gc", "mul"), ("gca", "add")])
def test_official_names(name, kind):
    golden = load_golden(f"timm_{name}")
    parts = {"fc1": "0", "norm": "1", "fc2": "3"}
    official = {}
    for key, array in golden["weights"].items():
        *_, part, suffix = key.split(".")
        if part == "norm":
            array = array[:, None, None]
        prefix = f"channel_{kind}_conv.{parts.get(part)}"
        prefix = "conv_mask" if part == "conv_attn" else prefix
        official[f"{prefix}.{suffix}"] = array
    layers = [timm(golden) for _ in range(2)]
    for layer, weights in zip(
        layers, (golden["weights"], official), strict=True
    ):
        layer.build(golden["x"].shape)
        load_torch(layer, weights)
    for a, b in zip(*(layer.get_weights() for layer in layers), strict=True):
        np.testing.assert_array_equal(a, b)


def image():
    return np.random.default_rng(0).normal(size=(2, 5, 4, 16)).astype("float32")


def test_starts_as_the_identity_or_as_a_gate_of_one_half():
    x = image()
    for fusion, factor in (("add", 1.0), ("scale", 0.5)):
        layer = GlobalContext(fusion=fusion, data_format="channels_last")
        y = ops.convert_to_numpy(layer(x))
        np.testing.assert_array_equal(y, factor * x)


@pytest.mark.parametrize("data_format", FORMATS)
def test_attention_is_where_the_map_is_read_and_what_is_added(data_format):
    layer = GlobalContext(4, data_format=data_format)
    layer.build(to_format(image(), data_format).shape)
    random = np.random.default_rng(1)
    layer.set_weights([random.normal(size=w.shape) for w in layer.weights])
    x = image()
    maps = layer.attention(to_format(x, data_format))
    spatial, channel = (
        ops.convert_to_numpy(maps[key]) for key in ("spatial", "channel")
    )
    np.testing.assert_allclose(spatial.sum((1, 2, 3)), 1.0, rtol=1e-5)
    kernel = ops.convert_to_numpy(layer.mask_kernel)
    logits = np.log(spatial) - x @ kernel
    np.testing.assert_allclose(
        logits, logits[:, :1, :1] + 0 * logits, atol=1e-4
    )
    y = ops.convert_to_numpy(layer(to_format(x, data_format)))
    expected = to_format(x + channel[:, None, None], data_format)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
