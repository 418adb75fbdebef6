import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from benchmarks.twins import Twin
from keras_attn.layers.blocks.split_attention import SplitAttention
from tests.cases.drawn import Example
from tests.cases.equations import convolved, mixed, normalized, relu, sigmoid
from tests.cases.strategies import (
    COUNTS,
    SMALL,
    arguments,
    images,
    of_sides,
    strided,
)
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.devices import FORMATS, to_format
from tests.goldens.checks import check_golden


def grouped(weights, name, x, groups):
    """Computes a linear layer, one group at a time."""
    kernels = np.split(weights[f"{name}_kernel"], groups, -1)
    parts = np.split(x, groups, -1)
    made = [x @ kernel for x, kernel in zip(parts, kernels, strict=True)]
    return np.concatenate(made, -1) + weights[f"{name}_bias"]


def split_attention(radix=2, groups=1, strides=1):
    def reference(weights, x):
        kernel = weights["convolution/convolution/kernel"]
        u = convolved(x, kernel, strides, groups=groups * radix)
        u = relu(normalized(weights, u, "convolution/normalization"))
        maps = np.split(u, radix, -1)
        z = grouped(weights, "reduce", sum(maps).mean((1, 2)), groups)
        s = grouped(weights, "select", relu(normalized(weights, z)), groups)
        if radix == 1:
            return u * sigmoid(s)[:, None, None]
        # Each group has the numbers of all its maps.
        parts = [np.split(part, radix, -1) for part in np.split(s, groups, -1)]
        logits = [np.concatenate(each, -1) for each in zip(*parts, strict=True)]
        return mixed(maps, np.stack(logits, 1))

    return reference


CASES = (
    LayerCase(
        cls=SplitAttention,
        kwargs={"hidden": 4},
        num_weights=9,
        reference=split_attention(),
        products_in_half=True,
    ),
    LayerCase(
        cls=SplitAttention,
        kwargs={"filters": 4, "radix": 3, "groups": 2, "strides": 2},
        shape=(6, 5, 12),
        num_weights=9,
        reference=split_attention(3, 2, 2),
        products_in_half=True,
    ),
    LayerCase(
        cls=SplitAttention,
        kwargs={"radix": 1},
        num_weights=9,
        reference=split_attention(1),
        products_in_half=True,
    ),
)
REFUSED = {
    "filters": COUNTS,
    "radix": [*COUNTS, None],
    "groups": [*COUNTS, None],
    "hidden": COUNTS,
    "strides": [*COUNTS, None, (2, 2)],
}


@st.composite
def examples(draw):
    groups, radix = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    step = groups * radix
    layout, x = draw(images(st.integers(1, 3).map(lambda n: n * step)))
    many = SMALL.map(lambda n: n * groups)
    optional = {
        "filters": st.none() | many,
        "hidden": st.none() | many,
        "strides": st.integers(1, 3),
    }
    kwargs = arguments(draw, layout, optional=optional)
    kwargs |= {"groups": groups, "radix": radix}
    filters, strides = kwargs.get("filters"), kwargs.get("strides", 1)

    def outputs(batch, height, width, channels):
        sides = (strided(side, strides) for side in (height, width))
        return [layout.shape(batch, *sides, filters or channels)]

    return Example(
        SplitAttention,
        kwargs,
        x,
        of_sides(outputs)(layout),
        of_sides(lambda b, h, w, c: [(b, radix, filters or c)])(layout),
    )


EXAMPLES = examples()


def plain():
    """Returns the class in plain PyTorch, as published."""
    from torch import nn

    class SplitAttention(nn.Module):
        """Two maps of one convolution with two groups."""

        def __init__(self, channels, size, radix=2):
            super().__init__()
            hidden = max(channels * radix // 4, 32)
            self.radix = radix
            self.conv = nn.Conv2d(
                channels,
                channels * radix,
                3,
                padding=1,
                groups=radix,
                bias=False,
            )
            self.bn0 = nn.BatchNorm2d(channels * radix)
            self.fc1 = nn.Conv2d(channels, hidden, 1)
            self.bn1 = nn.BatchNorm2d(hidden)
            self.fc2 = nn.Conv2d(hidden, channels * radix, 1)

        def forward(self, x):
            u = self.bn0(self.conv(x)).relu()
            maps = u.view(len(u), self.radix, -1, *u.shape[2:])
            z = maps.sum(1).mean((2, 3), keepdim=True)
            s = self.fc2(self.bn1(self.fc1(z)).relu())
            weights = s.view(len(s), self.radix, -1, 1, 1).softmax(1)
            return (maps * weights).sum(1)

    return SplitAttention


TWINS = (Twin(plain),)


@contract(CASES, LAYER_CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@pytest.mark.parametrize("data_format", FORMATS)
def test_golden(data_format):
    def make(golden, data_format):
        meta = golden["meta"]
        return SplitAttention(
            radix=meta["radix"],
            groups=meta["groups"],
            hidden=meta["hidden"],
            data_format=data_format,
        )

    check_golden("timm_splat_groups", make, data_format, "float64")


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("radix", [1, 2])
def test_attention_is_what_mixes_the_maps(radix, data_format):
    image = np.random.default_rng(0).normal(size=(2, 5, 4, 8))
    x = to_format(image.astype("float32"), data_format)
    layer = SplitAttention(radix=radix, groups=2, data_format=data_format)
    weights = ops.convert_to_numpy(layer.attention(x))
    assert weights.shape == (2, radix, 8) and weights.std() > 0
    if radix > 1:
        np.testing.assert_allclose(weights.sum(1), 1.0, rtol=1e-6)
    maps = [ops.convert_to_numpy(u) for u in layer.paths(x, False)]
    first = data_format == "channels_first"
    axes = (2, 3) if first else (1, 2)
    expected = sum(
        u * np.expand_dims(weights[:, i], axes) for i, u in enumerate(maps)
    )
    y = ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.once
@pytest.mark.parametrize(
    ("kwargs", "channels", "hidden"),
    # The numbers in timm's and the official networks.
    [({}, 64, 32), ({}, 128, 64), ({"radix": 1}, 96, 32)]
    + [({"radix": 4, "groups": 2}, 80, 80), ({"hidden": 8}, 64, 8)],
)
def test_hidden_units(kwargs, channels, hidden):
    layer = SplitAttention(**kwargs)
    layer.build((None, 4, 4, channels))
    assert layer.reduce_kernel.shape[1] == hidden


@pytest.mark.once
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"groups": 2}, "channels.*multiple of 4.*channels=6, groups=2"),
        ({"radix": 1, "groups": 2, "filters": 3}, "filters=3, groups=2"),
        ({"radix": 1, "groups": 3, "hidden": 4}, "hidden=4, groups=3"),
    ],
)
def test_rejects_channels_that_do_not_divide_evenly(kwargs, message):
    layer = SplitAttention(**kwargs, data_format="channels_last")
    with pytest.raises(ValueError, match=message):
        layer.build((None, 4, 4, 6))
