import pytest
from hypothesis import strategies as st

from benchmarks.twins import Twin
from keras_attn.layers.blocks.se import SE
from tests.cases.equations import excitation, sigmoid
from tests.cases.strategies import BOOL, COUNTS, RATIO, gates, on_images
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.devices import FORMATS
from tests.contracts.extremes import check_extremes
from tests.goldens.checks import check_golden


def se(weights, x):
    gates = sigmoid(excitation(weights, x.mean((1, 2))))
    return x * gates[:, None, None]


CASES = (
    LayerCase(cls=SE, kwargs={"ratio": 4}, num_weights=4, reference=se),
    LayerCase(
        cls=SE,
        kwargs={"ratio": 3, "use_bias": False},
        num_weights=2,
        reference=se,
    ),
)
REFUSED = {"ratio": [*COUNTS, None], "divisor": [*COUNTS, None]}
EXAMPLES = on_images(
    SE,
    optional={
        "ratio": RATIO,
        "use_bias": BOOL,
        "divisor": st.integers(1, 8),
        "identity_start": BOOL,
    },
    attention=gates,
)


def plain():
    """Returns the class in plain PyTorch, as published."""
    import torch.nn.functional as F
    from torch import nn

    class SE(nn.Module):
        """Two linear layers between a mean and a gate."""

        def __init__(self, channels, size, ratio=16):
            super().__init__()
            self.fc = nn.Sequential(
                nn.Linear(channels, channels // ratio),
                nn.ReLU(inplace=True),
                nn.Linear(channels // ratio, channels),
                nn.Sigmoid(),
            )

        def forward(self, x):
            gates = self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))
            return x * gates[:, :, None, None]

    return SE


TWINS = (Twin(plain),)


@contract(CASES, (*LAYER_CHECKS, check_extremes))
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("name", ["se_nobias", "rcan_ca", "timm_se"])
def test_golden(name, data_format):
    def make(golden, data_format):
        meta = golden["meta"]
        ratio = meta.get("ratio") or 32 // meta["hidden"]
        use_bias = meta.get("use_bias", True)
        return SE(ratio, use_bias, data_format=data_format)

    check_golden(name, make, data_format)


@pytest.mark.parametrize(
    ("channels", "ratio", "divisor", "hidden"),
    [(64, 16, 1, 4), (10, 16, 1, 1), (40, 16, 1, 2)]
    # The numbers in timm, which does not always round down.
    + [(64, 16, 8, 8), (256, 16, 8, 16), (320, 16, 8, 24), (192, 16, 8, 16)],
)
def test_hidden_units(channels, ratio, divisor, hidden):
    layer = SE(ratio, divisor=divisor)
    layer.build((None, 4, 4, channels))
    assert layer.excitation.hidden == hidden
