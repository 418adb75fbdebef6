import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from benchmarks.twins import Twin
from keras_attn.layers.blocks.bilinear_attention import BilinearAttention
from keras_attn.weights import load_torch, to_torch
from tests.cases.equations import projected, relu, sigmoid
from tests.cases.strategies import (
    BOOL,
    COUNTS,
    RATIO,
    SMALL,
    of_sides,
    on_images,
)
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.devices import FORMATS, to_format
from tests.contracts.extremes import check_extremes


def bilinear_attention(size=1.0):
    def reference(weights, x):
        f = relu(projected(weights, x))
        # The upper triangle of the outer product at each position.
        t = np.einsum("bhwi,bhwj->bhwij", f, f)
        t = t[..., *np.triu_indices(f.shape[-1])]

        def linear(x, name):
            return x @ weights[f"{name}_kernel"] + weights[f"{name}_bias"]

        inner = relu(linear(t.mean((1, 2)), "inner_reduce"))
        inner = sigmoid(linear(inner, "inner_expand"))
        return x * size * sigmoid(inner[:, None, None] * linear(t, "outer"))

    return reference


IN_FLOAT32 = ("normalization", "row_normalization")


CASES = (
    LayerCase(
        cls=BilinearAttention,
        num_weights=9,
        reference=bilinear_attention(),
        in_float32=IN_FLOAT32,
    ),
    LayerCase(
        cls=BilinearAttention,
        kwargs={"dim": 3, "ratio": 2, "identity_start": True},
        num_weights=9,
        reference=bilinear_attention(size=2.0),
        in_float32=IN_FLOAT32,
    ),
)
REFUSED = {"dim": COUNTS, "ratio": [*COUNTS, None]}
EXAMPLES = on_images(
    BilinearAttention,
    optional={
        "dim": st.none() | SMALL,
        "ratio": RATIO,
        "identity_start": BOOL,
    },
    attention=of_sides(lambda *sides: [sides]),
)


def plain():
    """Returns the class in plain PyTorch, as published."""
    import torch
    from torch import nn

    class BilinearAttention(nn.Module):
        """The formula with outer products, since there is no published code."""

        def __init__(self, channels, size):
            super().__init__()
            dim = max(8, channels // 16)
            pairs = dim * (dim + 1) // 2
            self.phi = nn.Sequential(
                nn.Conv2d(channels, dim, 1, bias=False),
                nn.BatchNorm2d(dim),
                nn.ReLU(inplace=True),
            )
            self.omega = nn.Sequential(
                nn.Linear(pairs, channels // 16),
                nn.ReLU(inplace=True),
                nn.Linear(channels // 16, channels),
                nn.Sigmoid(),
            )
            self.varphi = nn.Conv2d(pairs, channels, 1)
            self.indices = torch.triu_indices(dim, dim).unbind()

        def forward(self, x):
            f = self.phi(x)
            products = f.unsqueeze(1) * f.unsqueeze(2)
            rows, columns = self.indices
            products = products[:, rows, columns]
            inner = self.omega(products.mean((2, 3)))[:, :, None, None]
            return x * torch.sigmoid(inner * self.varphi(products))

    return BilinearAttention


TWINS = (Twin(plain),)


# The reference of a case is the equation in NumPy, since there is no golden.
@contract(CASES, (*LAYER_CHECKS, check_extremes))
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


def test_says_that_it_is_a_reimplementation():
    text = " ".join(BilinearAttention.__doc__.split())
    assert "There is no public code. This is a reimplementation" in text


def image():
    return np.random.default_rng(0).normal(size=(2, 5, 4, 16)).astype("float32")


@pytest.mark.parametrize("data_format", FORMATS)
def test_attention_is_what_call_multiplies_by(data_format):
    x = image()
    layer = BilinearAttention(data_format=data_format)
    inputs = to_format(x, data_format)
    gates = ops.convert_to_numpy(layer.attention(inputs))
    assert gates.shape == x.shape
    assert gates.std((0, 1, 2)).min() > 0 and gates.std(3).min() > 0
    y = ops.convert_to_numpy(layer(inputs))
    np.testing.assert_allclose(y, to_format(x * gates, data_format), rtol=1e-5)


def test_products_are_local():
    """All except those of the inner gate, which averages over positions."""
    x = image()
    layer = BilinearAttention(data_format="channels_last")
    moved = np.roll(x, (1, 2), (1, 2))
    gates, others = (
        ops.convert_to_numpy(layer.attention(i)) for i in (x, moved)
    )
    expected = np.roll(gates, (1, 2), (1, 2))
    np.testing.assert_allclose(others, expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("channels", "dim", "expected"),
    [(16, None, 8), (256, None, 16), (16, 3, 3)],
)
def test_width(channels, dim, expected):
    layer = BilinearAttention(dim)
    layer.build((None, 4, 4, channels))
    assert layer.projection.dim == expected
    pairs = expected * (expected + 1) // 2
    assert tuple(layer.outer_kernel.shape) == (pairs, channels)


def test_weights_survive_a_round_trip():
    layer, other = BilinearAttention(), BilinearAttention()
    for each in (layer, other):
        each.build((None, 4, 4, 16))
    arrays = to_torch(layer)
    assert arrays["phi.0.weight"].shape == (8, 16, 1, 1)
    assert arrays["varphi.weight"].shape == (16, 36, 1, 1)
    load_torch(other, arrays)
    for a, b in zip(layer.weights, other.weights, strict=True):
        np.testing.assert_array_equal(
            ops.convert_to_numpy(a), ops.convert_to_numpy(b)
        )
