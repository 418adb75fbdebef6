import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from benchmarks.twins import Twin
from keras_attn.layers.blocks.fca import FCA
from keras_attn.weights import load_torch, to_torch
from tests.cases.equations import adaptive_pool, excitation, sigmoid
from tests.cases.strategies import BOOL, COUNTS, RATIO, gates, on_images, same
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.devices import FORMATS, to_numpy
from tests.contracts.extremes import check_extremes
from tests.goldens.checks import check_golden


def fca(frequencies, size):
    """Computes FCA group by group, after pooling."""

    def reference(weights, x):
        batch, _, _, channels = x.shape
        pooled = adaptive_pool(x, size, size)
        p = (np.arange(size) + 0.5) / size
        z = np.zeros((batch, channels))
        group = channels // len(frequencies)
        for k, (u, v) in enumerate(frequencies):
            down, across = (
                np.cos(np.pi * f * p) * np.sqrt((2.0 if f else 1.0) / size)
                for f in (u, v)
            )
            own = slice(k * group, (k + 1) * group)
            z[:, own] = np.einsum(
                "bhwc,h,w->bc", pooled[..., own], down, across
            )
        return x * sigmoid(excitation(weights, z))[:, None, None]

    return reference


CASES = (
    LayerCase(
        cls=FCA,
        kwargs={"ratio": 4, "frequencies": "top4"},
        num_weights=2,
        reference=fca([(0, 0), (0, 1), (6, 0), (0, 5)], 7),
    ),
    LayerCase(
        cls=FCA,
        kwargs={"ratio": 4, "frequencies": "bot2", "dct_size": 14},
        num_weights=2,
        reference=fca([(12, 12), (2, 8)], 14),
    ),
)
REFUSED = {
    "ratio": [*COUNTS, None],
    "frequencies": ["top3", "mid4", "top", 16, None, ["top4"]],
    "dct_size": [*COUNTS, None, 6],
}


@st.composite
def examples(draw):
    count = draw(st.sampled_from([1, 2, 4, 8, 16, 32]))
    channels = st.integers(1, 2).map(lambda n: n * count)
    kind = draw(st.sampled_from(["top", "low", "bot"]))
    required = {"frequencies": st.just(f"{kind}{count}")}
    optional = {
        "ratio": RATIO,
        "dct_size": st.integers(7, 15),
        "identity_start": BOOL,
    }
    parts = (FCA, required, optional, same, gates, channels)
    return draw(on_images(*parts))


EXAMPLES = examples()


# FcaNet's first sixteen frequencies, vertical and horizontal.
TOP = (
    (0, 0, 6, 0, 0, 1, 1, 4, 5, 1, 3, 0, 0, 0, 3, 2),
    (0, 1, 0, 5, 2, 0, 2, 0, 0, 6, 0, 4, 6, 3, 5, 2),
)


def plain():
    """Returns the class in plain PyTorch, as published."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    class FCA(nn.Module):
        """Weights each channel by a map of the size of the transform."""

        def __init__(self, channels, size, dct_size=7, ratio=16):
            super().__init__()
            step = dct_size // 7
            maps = [
                self._wave(u * step, v * step, dct_size)
                for u, v in zip(*TOP, strict=True)
            ]
            maps = np.repeat(np.stack(maps), channels // len(maps), axis=0)
            self.dct_layer = nn.Module()
            self.dct_layer.register_buffer("weight", torch.tensor(maps))
            self.size = dct_size
            self.fc = nn.Sequential(
                nn.Linear(channels, channels // ratio, bias=False),
                nn.ReLU(inplace=True),
                nn.Linear(channels // ratio, channels, bias=False),
                nn.Sigmoid(),
            )

        @staticmethod
        def _wave(u, v, size):
            p = (np.arange(size) + 0.5) * np.pi / size
            down, across = (
                np.cos(f * p) * ((2 if f else 1) / size) ** 0.5 for f in (u, v)
            )
            return np.outer(down, across).astype("float32")

        def forward(self, x):
            pooled = x
            if x.shape[2:] != (self.size, self.size):
                pooled = F.adaptive_avg_pool2d(x, self.size)
            gates = self.fc((pooled * self.dct_layer.weight).sum((2, 3)))
            return x * gates[:, :, None, None]

    return FCA


# In the published code, the transform has the size of the stage. With the
# default of 7, images are pooled first.
TWINS = (
    Twin(plain, arguments=lambda size: {"dct_size": size}),
    Twin(plain, " pooled"),
)


@contract(CASES, (*LAYER_CHECKS, check_extremes))
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(
    ("name", "frequencies"),
    [("fca_top16", "top16"), ("fca_low8_pooled", "low8")],
)
def test_golden(name, frequencies, data_format):
    def make(golden, data_format):
        meta = golden["meta"]
        return FCA(
            meta["ratio"], frequencies, meta["dct"], data_format=data_format
        )

    check_golden(name, make, data_format)


def test_ignores_the_transform_in_released_checkpoints():
    layer = FCA(4, "low2")
    layer.build((None, 7, 7, 16))
    arrays = to_torch(layer)
    report = load_torch(layer, {**arrays, "dct_layer.weight": np.ones(3)})
    assert report.ignored == ("dct_layer.weight",)


def test_frequency_zero_is_the_mean_up_to_a_scale():
    x = np.random.default_rng(0).normal(size=(2, 7, 7, 16)).astype("float32")
    layer = FCA(4, "top1")
    layer.build(x.shape)
    z = 7.0 * x.mean((1, 2))
    hidden = np.maximum(z @ to_numpy(layer.excitation.reduce_kernel)[0], 0)
    logits = hidden @ to_numpy(layer.excitation.expand_kernel)[0]
    gates = ops.convert_to_numpy(layer.attention(x))
    np.testing.assert_allclose(gates, 1 / (1 + np.exp(-logits)), rtol=1e-5)


def test_rejects_groups_of_different_sizes():
    with pytest.raises(ValueError, match="16 groups.*channels=24"):
        FCA().build((None, 7, 7, 24))
