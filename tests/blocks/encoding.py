import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from benchmarks.twins import Twin
from keras_attn.layers.encoding import Encoding
from keras_attn.weights import load_torch, to_torch
from tests.cases.drawn import Example
from tests.cases.strategies import COUNTS, SMALL, arguments, images, of_sides
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.devices import FORMATS, to_format
from tests.contracts.extremes import check_extremes


def residuals(x, codewords, scale):
    """Returns assignments and encoding, computed from all residuals."""
    tokens = x.reshape(len(x), -1, x.shape[-1])
    residual = tokens[:, :, None] - codewords
    logits = scale * (residual**2).sum(3)
    shares = np.exp(logits - logits.max(2, keepdims=True))
    shares = shares / shares.sum(2, keepdims=True)
    return shares, (shares[..., None] * residual).sum(1)


def encoding(weights, x):
    return residuals(x, weights["codewords"], weights["scale"])[1]


CASES = (
    LayerCase(
        cls=Encoding,
        kwargs={"num_codes": 4},
        num_weights=2,
        reference=encoding,
    ),
    LayerCase(
        cls=Encoding,
        kwargs={"num_codes": 7},
        shape=(3, 4, 5),
        num_weights=2,
        reference=encoding,
    ),
)
REFUSED = {"num_codes": [*COUNTS, None]}


@st.composite
def examples(draw):
    layout, x = draw(images())
    kwargs = arguments(draw, layout, {"num_codes": SMALL})
    codes = kwargs["num_codes"]
    return Example(
        Encoding,
        kwargs,
        x,
        of_sides(lambda b, h, w, c: [(b, codes, c)])(layout),
        of_sides(lambda b, h, w, c: [(b, h, w, codes)])(layout),
    )


EXAMPLES = examples()


def plain():
    """Returns the class in plain PyTorch, as published."""
    import torch
    from torch import nn

    class Encoding(nn.Module):
        """Stores the residuals of all positions and codewords, as published."""

        def __init__(self, channels, size, codes=32):
            super().__init__()
            reach = (codes * channels) ** -0.5
            codewords = torch.empty(codes, channels).uniform_(-reach, reach)
            self.codewords = nn.Parameter(codewords)
            self.scale = nn.Parameter(torch.empty(codes).uniform_(-1, 0))

        def forward(self, x):
            tokens = x.flatten(2).transpose(1, 2).unsqueeze(2)
            residuals = tokens - self.codewords
            distances = residuals.pow(2).sum(3)
            shares = (self.scale * distances).softmax(2)
            return (shares.unsqueeze(3) * residuals).sum(1)

    return Encoding


TWINS = (Twin(plain),)


@contract(CASES, (*LAYER_CHECKS, check_extremes))
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@pytest.mark.parametrize("data_format", FORMATS)
class TestAttention:
    def test_is_the_weight_of_each_codeword(self, data_format):
        image = np.random.normal(size=(2, 5, 4, 8)).astype("float32")
        layer = Encoding(3, data_format=data_format)
        shares = layer.attention(to_format(image, data_format))
        weights = [ops.convert_to_numpy(w) for w in layer.weights]
        expected = residuals(image.astype("float64"), *weights)[0]
        assert tuple(shares.shape) == (2, 5, 4, 3)
        np.testing.assert_allclose(
            ops.convert_to_numpy(shares),
            expected.reshape(2, 5, 4, 3),
            rtol=1e-4,
            atol=1e-6,
        )

    def test_yields_the_encoding(self, data_format):
        """Follows the second equation of the docstring."""
        image = np.random.normal(size=(2, 5, 4, 8)).astype("float32")
        x = to_format(image, data_format)
        layer = Encoding(3, data_format=data_format)
        shares = ops.convert_to_numpy(layer.attention(x))
        codewords = ops.convert_to_numpy(layer.codewords)
        expected = np.einsum("bhwk,bhwc->bkc", shares, image)
        expected = expected - shares.sum((1, 2))[..., None] * codewords
        np.testing.assert_allclose(
            ops.convert_to_numpy(layer(x)), expected, rtol=1e-4, atol=1e-5
        )


def test_initial_weights_are_those_of_the_source():
    layer = Encoding(32)
    layer.build((None, 4, 4, 16))
    codewords, scale = (ops.convert_to_numpy(w) for w in layer.weights)
    limit = (32 * 16) ** -0.5
    assert 0.95 * limit < np.abs(codewords).max() <= limit
    assert abs(codewords.mean()) < 0.1 * limit
    assert -1.0 <= scale.min() < -0.8 and -0.2 < scale.max() <= 0.0


def test_the_nearest_codeword_gets_the_largest_weight():
    layer = Encoding(2, data_format="channels_last")
    layer.build((None, 1, 2, 3))
    codewords = np.array([[1.0, 1.0, 1.0], [-1.0, 0.0, 2.0]])
    layer.set_weights([codewords, np.array([-1.0, -1.0])])
    x = np.array([[[[0.9, 1.0, 1.0], [-1.0, 0.1, 2.0]]]], "float32")
    shares = ops.convert_to_numpy(layer.attention(x))
    assert shares[0, 0].argmax(1).tolist() == [0, 1]


@pytest.mark.each_backend
class TestPrecision:
    def test_a_sum_that_overflows_is_the_largest_float16(self):
        x = np.full((1, 6, 6, 4), 1e4, "float32")
        x[..., 1] = -1e4
        layer = Encoding(2, dtype="mixed_float16", data_format="channels_last")
        layer.build(x.shape)
        layer.set_weights([np.zeros((2, 4)), np.zeros(2)])
        y = ops.convert_to_numpy(ops.cast(layer(x), "float32"))
        assert y[..., 0].tolist() == [[65504.0] * 2]
        assert y[..., 1].tolist() == [[-65504.0] * 2]


def test_loads_weights_from_pytorch():
    arrays = {
        "codewords": np.random.normal(size=(3, 8)).astype("float32"),
        "scale": np.random.normal(size=3).astype("float32"),
    }
    layer = Encoding(3, data_format="channels_last")
    layer.build((None, 4, 4, 8))
    load_torch(layer, arrays)
    back = to_torch(layer)
    assert set(back) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)


class TestErrors:
    def test_rejects_another_number_of_channels(self):
        layer = Encoding(data_format="channels_last")
        layer(np.zeros((1, 6, 6, 8)))
        with pytest.raises(ValueError, match="expected axis 3"):
            layer(np.zeros((1, 6, 6, 4)))
