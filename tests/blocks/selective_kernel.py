import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from benchmarks.twins import Twin
from keras_attn.layers.blocks.selective_kernel import SelectiveKernel
from tests.cases.drawn import Example
from tests.cases.equations import convolved, mixed, normalized, relu
from tests.cases.strategies import (
    BOOL,
    COUNTS,
    RATIO,
    SMALL,
    arguments,
    images,
    of_sides,
    strided,
)
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.devices import FORMATS, to_format
from tests.goldens.checks import check_golden


def selective_kernel(split=False, strides=1, groups=1):
    def reference(weights, x):
        inputs = np.split(x, 2, -1) if split else (x, x)
        maps = []
        for i, part in enumerate(inputs, start=1):
            kernel = weights[f"path{i}/convolution/kernel"]
            u = convolved(part, kernel, strides, i, groups)
            u = normalized(weights, u, f"path{i}/normalization")
            maps.append(relu(u))
        z = sum(maps).mean((1, 2)) @ weights["reduce_kernel"]
        s = relu(normalized(weights, z)) @ weights["select_kernel"]
        return mixed(maps, s.reshape(len(x), 2, -1))

    return reference


CASES = (
    LayerCase(
        cls=SelectiveKernel,
        kwargs={"hidden": 4},
        num_weights=10,
        reference=selective_kernel(),
        products_in_half=True,
    ),
    LayerCase(
        cls=SelectiveKernel,
        kwargs={"filters": 6, "split": True, "strides": 2, "groups": 2},
        num_weights=10,
        reference=selective_kernel(True, 2, 2),
        products_in_half=True,
    ),
)
REFUSED = {
    "filters": COUNTS,
    "ratio": [*COUNTS, None],
    "hidden": COUNTS,
    "strides": [*COUNTS, None, (2, 2), 3],
    "groups": [*COUNTS, None],
}


@st.composite
def examples(draw):
    groups, split = draw(st.integers(1, 2)), draw(BOOL)
    step = groups * (1 + split)
    layout, x = draw(images(st.integers(1, 3).map(lambda n: n * step)))
    many = SMALL.map(lambda n: n * groups)
    optional = {
        "filters": st.none() | many,
        "ratio": RATIO,
        "hidden": st.none() | SMALL,
        "strides": st.integers(1, 2),
    }
    kwargs = arguments(draw, layout, optional=optional)
    kwargs |= {"groups": groups, "split": split}
    filters, strides = kwargs.get("filters"), kwargs.get("strides", 1)

    def outputs(batch, height, width, channels):
        sides = (strided(side, strides) for side in (height, width))
        return [layout.shape(batch, *sides, filters or channels)]

    return Example(
        SelectiveKernel,
        kwargs,
        x,
        of_sides(outputs)(layout),
        of_sides(lambda b, h, w, c: [(b, 2, filters or c)])(layout),
    )


EXAMPLES = examples()


def plain():
    """Returns the class in plain PyTorch, as published."""
    import torch
    from torch import nn

    class Path(nn.Module):
        """A convolution with normalisation and ReLU."""

        def __init__(self, channels, dilation):
            super().__init__()
            self.conv = nn.Conv2d(
                channels,
                channels,
                3,
                padding=dilation,
                dilation=dilation,
                bias=False,
            )
            self.bn = nn.BatchNorm2d(channels)

        def forward(self, x):
            return self.bn(self.conv(x)).relu()

    class SelectiveKernel(nn.Module):
        """Stacks the maps of both paths."""

        def __init__(self, channels, size):
            super().__init__()
            hidden = max(channels // 16, 32)
            self.paths = nn.ModuleList([Path(channels, d) for d in (1, 2)])
            self.attn = nn.ModuleDict(
                {
                    "fc_reduce": nn.Conv2d(channels, hidden, 1, bias=False),
                    "bn": nn.BatchNorm2d(hidden),
                    "fc_select": nn.Conv2d(hidden, 2 * channels, 1, bias=False),
                }
            )

        def forward(self, x):
            maps = torch.stack([path(x) for path in self.paths], 1)
            z = maps.sum(1).mean((2, 3), keepdim=True)
            z = self.attn["bn"](self.attn["fc_reduce"](z)).relu()
            s = self.attn["fc_select"](z).view(len(x), 2, -1, 1, 1)
            return (maps * s.softmax(1)).sum(1)

    return SelectiveKernel


TWINS = (Twin(plain),)


@contract(CASES, LAYER_CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("name", ["timm_sk", "timm_sk_split"])
def test_golden(name, data_format):
    def make(golden, data_format):
        meta = golden["meta"]
        return SelectiveKernel(
            hidden=meta["hidden"],
            split=meta["split_input"],
            data_format=data_format,
        )

    check_golden(name, make, data_format, "float64")


@pytest.mark.parametrize("data_format", FORMATS)
def test_attention_is_what_mixes_the_paths(data_format):
    image = np.random.default_rng(0).normal(size=(2, 5, 4, 8))
    x = to_format(image.astype("float32"), data_format)
    layer = SelectiveKernel(filters=6, strides=2, data_format=data_format)
    weights = ops.convert_to_numpy(layer.attention(x))
    assert weights.shape == (2, 2, 6) and weights.std() > 0
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
    ("kwargs", "hidden"),
    [({}, 32), ({"filters": 1024}, 64), ({"hidden": 8, "filters": 1024}, 8)],
)
def test_hidden_units(kwargs, hidden):
    layer = SelectiveKernel(**kwargs)
    layer.build((None, 4, 4, 4))
    assert layer.reduce_kernel.shape[1] == hidden


@pytest.mark.once
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"split": True}, "even number of channels.*split=True"),
        ({"groups": 2}, "channels.*multiple of 2.*channels=9, groups=2"),
        ({"groups": 3, "filters": 4}, "multiple of 3.*filters=4, groups=3"),
    ],
)
def test_rejects_channels_that_do_not_divide_evenly(kwargs, message):
    layer = SelectiveKernel(**kwargs, data_format="channels_last")
    with pytest.raises(ValueError, match=message):
        layer.build((None, 4, 4, 9))
