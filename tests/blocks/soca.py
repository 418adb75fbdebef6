import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from benchmarks.twins import Twin
from keras_attn.layers.blocks.soca import SOCA
from tests.cases.equations import covariance, excitation, root, sigmoid
from tests.cases.strategies import BOOL, COUNTS, RATIO, SMALL, gates, on_images
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.cases import weights_of
from tests.contracts.devices import FORMATS
from tests.contracts.extremes import check_extremes
from tests.goldens.checks import check_golden


def soca(iterations=5, rows=slice(None), columns=slice(None)):
    def reference(weights, x):
        s = root(covariance(x[:, rows, columns]), iterations)
        gates = sigmoid(excitation(weights, s.mean(2)))
        return x * gates[:, None, None]

    return reference


CASES = (
    LayerCase(cls=SOCA, kwargs={"ratio": 2}, num_weights=4, reference=soca()),
    LayerCase(
        cls=SOCA,
        kwargs={"ratio": 4, "iterations": 3, "max_size": 5},
        shape=(7, 8, 8),
        num_weights=4,
        reference=soca(3, slice(1, 6), slice(1, 6)),
    ),
)
REFUSED = {
    "ratio": [*COUNTS, None],
    "iterations": [*COUNTS, None],
    "max_size": [*COUNTS, None],
}
EXAMPLES = on_images(
    SOCA,
    optional={
        "ratio": RATIO,
        "iterations": SMALL,
        "max_size": st.integers(1, 10),
        "identity_start": BOOL,
    },
    attention=gates,
)


def plain():
    """Returns the class in plain PyTorch, as published."""
    from torch import nn

    from benchmarks.plain.covariance import covariance, matrix_sqrt

    class SOCA(nn.Module):
        """SE on the mean of the root."""

        def __init__(self, channels, size, ratio=8):
            super().__init__()
            self.conv_du = nn.Sequential(
                nn.Conv2d(channels, channels // ratio, 1),
                nn.ReLU(inplace=True),
                nn.Conv2d(channels // ratio, channels, 1),
                nn.Sigmoid(),
            )

        def forward(self, x):
            v = matrix_sqrt(covariance(x)).mean(1)
            return x * self.conv_du(v[:, :, None, None])

    return SOCA


# With 2048 channels, the root costs 2 TFLOP per batch in any implementation,
# and a run takes minutes.
TWINS = (Twin(plain, most_channels=1024),)


@contract(CASES, (*LAYER_CHECKS, check_extremes))
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@pytest.mark.parametrize("data_format", FORMATS)
def test_golden(data_format):
    def make(golden, data_format):
        return SOCA(golden["meta"]["ratio"], data_format=data_format)

    check_golden("soca", make, data_format)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(
    ("size", "rows", "columns"),
    [
        # With a side of exactly the largest size, the official code crops the
        # first three to (1000, 200), (200, 1000) and (1000, 300).
        ((1000, 600), (0, 1000), (0, 600)),
        ((600, 1000), (0, 600), (0, 1000)),
        ((1000, 400), (0, 1000), (0, 400)),
        ((1003, 40), (1, 1001), (0, 40)),
        ((40, 1002), (0, 40), (1, 1001)),
    ],
)
def test_uses_the_middle_of_large_images(size, rows, columns, data_format):
    # The covariance differs between parts of the image.
    x = np.random.default_rng(0).normal(size=(1, *size, 2))
    x *= np.linspace(0.1, 3.0, size[0])[:, None, None]
    x[..., 1] *= np.linspace(0.1, 3.0, size[1])
    layer = SOCA(1, data_format=data_format)
    first = data_format == "channels_first"
    inputs = (x.transpose(0, 3, 1, 2) if first else x).astype("float32")
    gates = ops.convert_to_numpy(layer.attention(inputs))
    s = covariance(x[:, slice(*rows), slice(*columns)])
    weights = weights_of(layer)
    expected = sigmoid(excitation(weights, root(s, 5).mean(2)))
    np.testing.assert_allclose(gates, expected, rtol=1e-4)
