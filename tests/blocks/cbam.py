import keras
import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from benchmarks.twins import Twin
from keras_attn import backend
from keras_attn.layers.blocks.cbam import CBAM
from tests.cases.equations import excitation, normalized, sigmoid
from tests.cases.strategies import BOOL, COUNTS, RATIO, of_sides, on_images
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.devices import FORMATS
from tests.contracts.extremes import check_extremes
from tests.goldens.checks import check_golden


def cbam(mean_first):
    def reference(weights, x):
        vectors = x.mean((1, 2)), x.max((1, 2))
        x = x * sigmoid(excitation(weights, *vectors))[:, None, None]
        planes = [x.max(3), x.mean(3)]
        planes = np.stack(planes[::-1] if mean_first else planes, -1)
        kernel = weights["kernel"][..., 0]
        reach = len(kernel) // 2
        padded = np.pad(planes, [(0, 0), (reach,) * 2, (reach,) * 2, (0, 0)])
        windows = np.lib.stride_tricks.sliding_window_view(
            padded, kernel.shape[:2], axis=(1, 2)
        )
        logits = np.einsum("bhwcij,ijc->bhw", windows, kernel)[..., None]
        return x * sigmoid(normalized(weights, logits))

    return reference


CASES = (
    LayerCase(
        cls=CBAM,
        kwargs={"ratio": 4, "kernel_size": 3},
        num_weights=7,
        reference=cbam(mean_first=False),
    ),
    LayerCase(
        cls=CBAM,
        kwargs={"ratio": 4, "use_bias": False, "mean_first": True},
        num_weights=5,
        reference=cbam(mean_first=True),
    ),
)
REFUSED = {
    "ratio": [*COUNTS, None],
    "kernel_size": [*COUNTS, None, 2, (3, 3)],
}
EXAMPLES = on_images(
    CBAM,
    optional={
        "ratio": RATIO,
        "kernel_size": st.integers(0, 5).map(lambda n: 2 * n + 1),
        "use_bias": BOOL,
        "mean_first": BOOL,
        "identity_start": BOOL,
    },
    attention=of_sides(lambda b, h, w, c: [(b, c), (b, h, w, 1)]),
)


def plain():
    """Returns the class in plain PyTorch, as published."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    class CBAM(nn.Module):
        """A gate for channels, then one for positions."""

        def __init__(self, channels, size, ratio=16):
            super().__init__()
            self.mlp = nn.Sequential(
                nn.Linear(channels, channels // ratio),
                nn.ReLU(),
                nn.Linear(channels // ratio, channels),
            )
            self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)
            self.bn = nn.BatchNorm2d(1, momentum=0.01)

        def forward(self, x):
            mean = F.avg_pool2d(x, x.shape[2:]).flatten(1)
            highest = F.max_pool2d(x, x.shape[2:]).flatten(1)
            gates = torch.sigmoid(self.mlp(mean) + self.mlp(highest))
            x = x * gates[:, :, None, None].expand_as(x)
            planes = [x.max(1)[0].unsqueeze(1), x.mean(1).unsqueeze(1)]
            return x * torch.sigmoid(self.bn(self.conv(torch.cat(planes, 1))))

    return CBAM


TWINS = (Twin(plain),)


@contract(CASES, (*LAYER_CHECKS, check_extremes))
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("name", ["cbam", "timm_cbam"])
def test_golden(name, data_format):
    def make(golden, data_format):
        timm = name == "timm_cbam"
        return CBAM(
            8, use_bias=not timm, mean_first=timm, data_format=data_format
        )

    check_golden(name, make, data_format)


def image():
    return np.random.default_rng(0).normal(size=(2, 5, 4, 16)).astype("float32")


def test_the_spatial_gate_starts_at_one_half():
    gates = CBAM(4).attention(image())["spatial"]
    np.testing.assert_array_equal(ops.convert_to_numpy(gates), 0.5)


def test_rejects_an_even_kernel():
    with pytest.raises(ValueError, match="must be odd.*kernel_size=4"):
        CBAM(kernel_size=4)


@pytest.mark.each_backend
def test_counts_more_equal_values_than_float16_can():
    """A flat image shares the gradient of its maximum among 67,600 pixels."""
    x = np.ones((1, 260, 260, 2), "float32")
    sums = []
    for policy in ("float32", "mixed_float16"):
        keras.utils.set_random_seed(0)
        layer = CBAM(ratio=1, kernel_size=1, dtype=policy)
        layer.build(x.shape)

        def highest(x, layer=layer):
            # In float32, since halves of its gradient would round to 0.
            gates = layer.attention(x)["channel"]
            return ops.sum(gates) * 1e3

        x_of = ops.cast(x, layer.compute_dtype)
        _, gradient = backend.value_and_gradient(highest, x_of)
        sums.append(np.sum(ops.convert_to_numpy(gradient), dtype="float64"))
    assert abs(sums[0]) > 1.0
    np.testing.assert_allclose(sums[1], sums[0], rtol=0.05)
