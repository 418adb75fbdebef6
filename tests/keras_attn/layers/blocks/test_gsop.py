import numpy as np
import pytest
from keras import ops

from keras_attn.layers.blocks.gsop import GSoP
from keras_attn.weights import load_torch, to_torch
from tests.cases.second_order import SECOND_ORDER
from tests.contracts import LAYER_CHECKS, contract
from tests.contracts.calls import gradients
from tests.contracts.devices import FORMATS, to_format
from tests.contracts.extremes import check_extremes
from tests.goldens import load_golden
from tests.goldens.checks import check_golden

CASES = [case for case in SECOND_ORDER if case.cls is GSoP]
MODES = ("channel", "position")


@contract(CASES, (*LAYER_CHECKS, check_extremes))
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


class PlainlyNamed(GSoP):
    """Writes the second names, which the golden has."""

    torch_names = property(lambda self: GSoP.torch_names.fget(self)[1])


@pytest.mark.parametrize("data_format", FORMATS)
def test_golden(data_format):
    def make(golden, data_format):
        dim = golden["meta"]["attention_dim"]
        return PlainlyNamed(dim, data_format=data_format)

    check_golden("gsop", make, data_format)


OFFICIAL = {
    "conv": "conv_for_DR",
    "bn": "bn_for_DR",
    "row_bn": "row_bn",
    "row_conv": "row_conv_group",
    "fc": "fc_adapt_channels",
}


def test_official_names():
    golden = load_golden("gsop")
    plain, official = (
        GSoP(golden["meta"]["attention_dim"], data_format="channels_last")
        for _ in range(2)
    )
    renamed = {}
    for name, array in golden["weights"].items():
        stem, _, kind = name.partition(".")
        renamed[f"{OFFICIAL[stem]}.{kind}"] = array
    for layer, weights in (
        (plain, golden["weights"]),
        (official, renamed),
    ):
        layer.build(golden["x"].shape)
        load_torch(layer, weights)
    for a, b in zip(plain.weights, official.weights, strict=True):
        np.testing.assert_array_equal(
            ops.convert_to_numpy(a), ops.convert_to_numpy(b)
        )
    assert set(to_torch(official)) == set(renamed)


def test_official_names_in_position_mode():
    layer = GSoP(4, "position", grid=2)
    layer.build((None, 4, 4, 6))
    shapes = {name: w.shape for name, w in to_torch(layer).items()}
    assert shapes["conv_for_DR_spatial.weight"] == (4, 6, 1, 1)
    assert shapes["bn_for_DR_spatial.running_var"] == (4,)
    assert shapes["row_bn_for_spatial.weight"] == (4,)
    assert shapes["row_conv_group_for_spatial.weight"] == (16, 1, 4, 1)
    assert shapes["fc_adapt_channels_for_spatial.weight"] == (4, 16, 1, 1)


@pytest.mark.parametrize(
    ("channels", "weights"),
    [(256, 230_784), (512, 394_880), (1024, 723_072), (2048, 1_379_456)],
)
def test_weights_of_the_published_size(channels, weights):
    layer = GSoP()
    layer.build((None, 14, 14, channels))
    assert sum(np.prod(w.shape) for w in layer.trainable_weights) == weights


def image():
    return np.random.default_rng(0).normal(size=(2, 5, 3, 16)).astype("float32")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("grid", [1, 3, 7, 8])
def test_is_the_identity_at_first_if_asked(mode, grid):
    x = image()
    layer = GSoP(4, mode, grid=grid, identity_start=True)
    y = ops.convert_to_numpy(layer(x))
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("mode", MODES)
def test_learns_from_the_identity(mode):
    layer = GSoP(4, mode, grid=3, identity_start=True)
    layer.build((None, 5, 3, 16))
    found = gradients(layer, image(), training=True)
    assert any(np.any(g) for name, g in found.items() if "weight" in name)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("mode", MODES)
def test_attention_is_what_call_multiplies_by(mode, data_format):
    x = image()
    layer = GSoP(4, mode, grid=3, data_format=data_format)
    inputs = to_format(x, data_format)
    gates = ops.convert_to_numpy(layer.attention(inputs))
    if mode == "channel":
        assert gates.shape == (2, 16)
        gates = gates[:, None, None]
    else:
        assert gates.shape == (2, 5, 3, 1)
    assert gates.std() > 0
    expected = to_format(x * gates, data_format)
    y = ops.convert_to_numpy(layer(inputs))
    np.testing.assert_allclose(y, expected, rtol=1e-5)


def test_strides_leave_out_what_lies_between():
    x, changed = image(), image()
    changed[:, 1::2] += 1.0
    changed[:, :, 1::2] -= 1.0
    layer = GSoP(4, strides=2, data_format="channels_last")
    gates, others = (
        ops.convert_to_numpy(layer.attention(i)) for i in (x, changed)
    )
    np.testing.assert_array_equal(gates, others)
    layer = GSoP(4, data_format="channels_last")
    gates, others = (
        ops.convert_to_numpy(layer.attention(i)) for i in (x, changed)
    )
    assert np.abs(gates - others).max() > 1e-4


def test_official_centring_is_none():
    """Why position mode does not follow the official code."""
    dim, positions = 128, 64
    official = np.eye(dim) / positions - np.ones((dim, dim)) / positions**2
    x = np.ones((positions, dim))
    assert np.linalg.eigvalsh(x @ official @ x.T).min() < -1.0


@pytest.mark.parametrize("argument", ["dim", "strides", "grid"])
@pytest.mark.parametrize("value", [0, -1, 2.5, True])
def test_refuses_what_is_no_positive_integer(argument, value):
    with pytest.raises(ValueError, match=f"`{argument}` must be a positive"):
        GSoP(**{argument: value})


@pytest.mark.parametrize("mode", ["spatial", None])
def test_refuses_another_mode(mode):
    message = "`mode` must be one of 'channel', 'position'. Received: mode="
    with pytest.raises(ValueError, match=message):
        GSoP(mode=mode)


def test_refuses_an_unknown_number_of_channels():
    with pytest.raises(ValueError, match="static number of channels"):
        GSoP(data_format="channels_last").build((None, 4, 4, None))
