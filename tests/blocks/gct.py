import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from benchmarks.twins import Twin
from keras_attn.layers.blocks.gct import GCT
from tests.cases.strategies import EPSILON, NUMBERS, gates, on_images
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.devices import FORMATS
from tests.contracts.extremes import check_extremes
from tests.goldens.checks import check_golden


def gct(norm):
    """Computes the equation of the paper, with sums."""

    def reference(weights, x, epsilon=1e-5):
        alpha, gamma, beta = (weights[w] for w in ("alpha", "gamma", "beta"))
        if norm == "l2":
            e = alpha * np.sqrt((x**2).sum((1, 2)) + epsilon)
            size = np.sqrt((e**2).mean(1, keepdims=True) + epsilon)
        else:
            e = alpha * np.abs(x).sum((1, 2))
            size = np.abs(e).mean(1, keepdims=True) + epsilon
        gates = 1.0 + np.tanh(gamma * e / size + beta)
        return x * gates[:, None, None]

    return reference


CASES = (
    LayerCase(cls=GCT, num_weights=3, reference=gct("l2")),
    LayerCase(
        cls=GCT, kwargs={"norm": "l1"}, num_weights=3, reference=gct("l1")
    ),
)
REFUSED = {
    "norm": ["l3", None, 2],
    "epsilon": [*NUMBERS, 0.0, float("inf")],
}
EXAMPLES = on_images(
    GCT,
    optional={"norm": st.sampled_from(["l1", "l2"]), "epsilon": EPSILON},
    attention=gates,
)


def plain():
    """Returns the class in plain PyTorch, as published."""
    import torch
    from torch import nn

    class GCT(nn.Module):
        """Computes energies as sums, as published."""

        def __init__(self, channels, size, epsilon=1e-5):
            super().__init__()
            self.alpha = nn.Parameter(torch.ones(1, channels, 1, 1))
            self.gamma = nn.Parameter(torch.randn(1, channels, 1, 1))
            self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
            self.epsilon = epsilon

        def forward(self, x):
            energy = x.pow(2).sum((2, 3), keepdim=True)
            energy = (energy + self.epsilon).pow(0.5) * self.alpha
            norm = (energy.pow(2).mean(1, keepdim=True) + self.epsilon).pow(0.5)
            gates = torch.tanh(energy * (self.gamma / norm) + self.beta)
            return x * (1.0 + gates)

    return GCT


TWINS = (Twin(plain),)


@contract(CASES, (*LAYER_CHECKS, check_extremes))
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_golden(norm, data_format):
    def make(golden, data_format):
        return GCT(norm, data_format=data_format)

    check_golden(f"gct_{norm}", make, data_format)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_is_the_identity_at_first(norm):
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 16)).astype("float32")
    y = GCT(norm)(x)
    np.testing.assert_array_equal(ops.convert_to_numpy(y), x)
