import numpy as np
import pytest
from keras import ops

from keras_attn.layers.blocks.soca import SOCA
from tests.cases.equations import excitation, sigmoid
from tests.cases.second_order import SECOND_ORDER, covariance, root
from tests.contracts import LAYER_CHECKS, contract
from tests.contracts.calls import gradients
from tests.contracts.cases import weights_of
from tests.contracts.devices import FORMATS
from tests.contracts.extremes import check_extremes
from tests.goldens.checks import check_golden

CASES = [case for case in SECOND_ORDER if case.cls is SOCA]


@contract(CASES, (*LAYER_CHECKS, check_extremes))
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@pytest.mark.parametrize("data_format", FORMATS)
def test_golden(data_format):
    def make(golden, data_format):
        return SOCA(golden["meta"]["ratio"], data_format=data_format)

    check_golden("soca", make, data_format)


def image():
    return np.random.default_rng(0).normal(size=(2, 5, 4, 16)).astype("float32")


def test_is_the_identity_at_first_if_asked():
    x = image()
    y = SOCA(4, identity_start=True)(x)
    np.testing.assert_array_equal(ops.convert_to_numpy(y), x)


def test_learns_from_the_identity():
    layer = SOCA(4, identity_start=True)
    layer.build((None, 5, 4, 16))
    found = gradients(layer, image(), training=True)
    assert any(np.any(g) for name, g in found.items() if "weight" in name)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(
    ("size", "rows", "columns"),
    [
        # A side of exactly the largest size: the official code takes
        # (1000, 200), (200, 1000) and (1000, 300) of the first three.
        ((1000, 600), (0, 1000), (0, 600)),
        ((600, 1000), (0, 600), (0, 1000)),
        ((1000, 400), (0, 1000), (0, 400)),
        ((1003, 40), (1, 1001), (0, 40)),
        ((40, 1002), (0, 40), (1, 1001)),
    ],
)
def test_takes_the_middle_of_what_is_too_large(
    size, rows, columns, data_format
):
    # Each part of the image has its own covariance.
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


@pytest.mark.parametrize("argument", ["ratio", "iterations", "max_size"])
@pytest.mark.parametrize("value", [0, -1, 2.5, True])
def test_refuses_what_is_no_positive_integer(argument, value):
    with pytest.raises(ValueError, match=f"`{argument}` must be a positive"):
        SOCA(**{argument: value})


def test_refuses_an_unknown_number_of_channels():
    with pytest.raises(ValueError, match="static number of channels"):
        SOCA(data_format="channels_last").build((None, 4, 4, None))
