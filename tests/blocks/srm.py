import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from benchmarks.twins import Twin
from keras_attn.layers.blocks.srm import SRM
from tests.cases.drawn import Example
from tests.cases.equations import normalized, sigmoid
from tests.cases.strategies import (
    EPSILON,
    NUMBERS,
    arguments,
    gates,
    images,
    same,
)
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.devices import FORMATS
from tests.contracts.extremes import check_extremes
from tests.goldens.checks import check_golden


def srm(weights, x):
    deviation = np.sqrt(x.var((1, 2), ddof=1) + 1e-5)
    z = weights["kernel"][:, 0] * x.mean((1, 2))
    z = z + weights["kernel"][:, 1] * deviation
    return x * sigmoid(normalized(weights, z))[:, None, None]


CASES = (LayerCase(cls=SRM, num_weights=3, reference=srm),)
REFUSED = {"epsilon": [*NUMBERS, 0.0, float("inf")]}


@st.composite
def examples(draw):
    layout, x = draw(images())
    starts = [(True, True), (True, False), (False, False)]
    zero, identity = draw(st.sampled_from(starts))
    kwargs = arguments(draw, layout, optional={"epsilon": EPSILON})
    kwargs |= {"zero_start": zero, "identity_start": identity}
    return Example(SRM, kwargs, x, same(layout), gates(layout))


EXAMPLES = examples()


def plain():
    """Returns the class in plain PyTorch, as published."""
    import torch
    from torch import nn

    class SRM(nn.Module):
        """Gates each channel by its mean and deviation."""

        def __init__(self, channels, size):
            super().__init__()
            self.cfc = nn.Conv1d(
                channels, channels, 2, groups=channels, bias=False
            )
            self.bn = nn.BatchNorm1d(channels)

        def forward(self, x):
            flat = x.flatten(2)
            deviation = (flat.var(2) + 1e-5).sqrt()
            z = self.cfc(torch.stack([flat.mean(2), deviation], 2)).squeeze(2)
            return x * torch.sigmoid(self.bn(z))[:, :, None, None]

    return SRM


TWINS = (Twin(plain),)


@contract(CASES, (*LAYER_CHECKS, check_extremes))
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@pytest.mark.parametrize("data_format", FORMATS)
def test_golden(data_format):
    # The reference, a port, has no epsilon. This one is below its rounding.
    def make(golden, data_format):
        return SRM(epsilon=1e-9, data_format=data_format)

    check_golden("srm", make, data_format)


def test_starts_at_one_half():
    gates = SRM().attention(image())
    np.testing.assert_array_equal(ops.convert_to_numpy(gates), 0.5)


def image():
    return np.random.default_rng(0).normal(size=(2, 5, 4, 16)).astype("float32")


def test_rejects_an_identity_with_random_weights():
    with pytest.raises(ValueError, match="`zero_start` must be True"):
        SRM(zero_start=False, identity_start=True)
