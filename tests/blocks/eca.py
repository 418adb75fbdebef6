import math

import numpy as np
import pytest
from hypothesis import strategies as st

from benchmarks.twins import Twin
from keras_attn.layers.blocks.eca import ECA
from tests.cases.drawn import Example
from tests.cases.equations import sigmoid
from tests.cases.strategies import BOOL, COUNTS, arguments, gates, images, same
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.devices import FORMATS
from tests.contracts.extremes import check_extremes
from tests.goldens.checks import check_golden


def eca(circular=False):
    def reference(weights, x):
        z = x.mean((1, 2))
        kernel = weights["kernel"].ravel()
        reach = len(kernel) // 2
        logits = np.zeros_like(z)
        for c in range(z.shape[1]):
            for j, w in enumerate(kernel):
                at = c + j - reach
                if circular:
                    logits[:, c] += w * z[:, at % z.shape[1]]
                elif 0 <= at < z.shape[1]:
                    logits[:, c] += w * z[:, at]
        return x * sigmoid(logits)[:, None, None]

    return reference


CASES = (
    LayerCase(cls=ECA, num_weights=1, reference=eca()),
    LayerCase(
        cls=ECA,
        kwargs={"kernel_size": 5, "circular": True},
        num_weights=1,
        reference=eca(circular=True),
    ),
)
REFUSED = {"kernel_size": [*COUNTS, 2]}


@st.composite
def examples(draw):
    layout, x = draw(images())
    kwargs = arguments(
        draw, layout, optional={"circular": BOOL, "identity_start": BOOL}
    )
    channels = layout.sides(x.shape)[3]
    # A circular kernel wraps around once: kernel_size // 2 <= channels.
    longest = channels if kwargs.get("circular") else 6
    reach = draw(st.none() | st.integers(0, longest))
    # By the rule, 1 channel has a kernel of 1. The other numbers drawn here
    # have at most 3, which reaches only the next neighbour.
    kwargs["kernel_size"] = None if reach is None else 2 * reach + 1
    return Example(ECA, kwargs, x, same(layout), gates(layout))


EXAMPLES = examples()


def plain():
    """Returns the class in plain PyTorch, as published."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    class ECA(nn.Module):
        """A convolution over the channel means, with the rule's kernel size."""

        def __init__(self, channels, size):
            super().__init__()
            kernel = int(abs((math.log2(channels) + 1) / 2))
            kernel += 1 - kernel % 2
            self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

        def forward(self, x):
            z = F.adaptive_avg_pool2d(x, 1)
            z = self.conv(z.squeeze(-1).transpose(-1, -2))
            gates = torch.sigmoid(z.transpose(-1, -2).unsqueeze(-1))
            return x * gates.expand_as(x)

    return ECA


TWINS = (Twin(plain),)


@contract(CASES, (*LAYER_CHECKS, check_extremes))
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("name", ["eca_k5", "timm_eca"])
def test_golden(name, data_format):
    def make(golden, data_format):
        size = golden["weights"]["conv.weight"].shape[-1]
        return ECA(size, data_format=data_format)

    check_golden(name, make, data_format)


@pytest.mark.parametrize(
    ("channels", "size"),
    # Computed from the paper's figure 3.
    [(4, 1), (8, 3), (64, 3), (96, 3), (128, 5), (256, 5), (512, 5)]
    + [(1024, 5), (2048, 7)],
)
def test_the_rule_of_the_paper(channels, size):
    layer = ECA()
    layer.build((None, 2, 2, channels))
    assert tuple(layer.kernel.shape) == (size, 1, 1)


def test_rejects_an_even_kernel():
    with pytest.raises(ValueError, match="must be odd.*kernel_size=4"):
        ECA(4)


def test_rejects_a_kernel_that_wraps_around_twice():
    with pytest.raises(ValueError, match="wraps around.*channels=2"):
        ECA(7, circular=True).build((None, 4, 4, 2))
