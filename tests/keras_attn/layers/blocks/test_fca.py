import numpy as np
import pytest
from keras import ops

from keras_attn.layers.blocks.fca import FCA
from keras_attn.weights import load_torch, to_torch
from tests.cases import cases_of
from tests.contracts import LAYER_CHECKS, contract
from tests.contracts.calls import gradients
from tests.contracts.devices import FORMATS, to_numpy
from tests.contracts.extremes import check_extremes
from tests.goldens.checks import check_golden


@contract(cases_of(FCA), (*LAYER_CHECKS, check_extremes))
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


def test_takes_the_transform_of_released_checkpoints():
    layer = FCA(4, "low2")
    layer.build((None, 7, 7, 16))
    arrays = to_torch(layer)
    report = load_torch(layer, {**arrays, "dct_layer.weight": np.ones(3)})
    assert report.ignored == ("dct_layer.weight",)


def test_frequency_zero_is_the_mean_but_for_its_scale():
    x = np.random.default_rng(0).normal(size=(2, 7, 7, 16)).astype("float32")
    layer = FCA(4, "top1")
    layer.build(x.shape)
    z = 7.0 * x.mean((1, 2))
    hidden = np.maximum(z @ to_numpy(layer.excitation.reduce_kernel)[0], 0)
    logits = hidden @ to_numpy(layer.excitation.expand_kernel)[0]
    gates = ops.convert_to_numpy(layer.attention(x))
    np.testing.assert_allclose(gates, 1 / (1 + np.exp(-logits)), rtol=1e-5)


def image():
    return np.random.default_rng(0).normal(size=(2, 5, 4, 16)).astype("float32")


def test_is_the_identity_at_first_if_asked():
    x = image()
    y = FCA(4, identity_start=True)(x)
    np.testing.assert_array_equal(ops.convert_to_numpy(y), x)


def test_learns_from_the_identity():
    layer = FCA(4, identity_start=True)
    layer.build((None, 5, 4, 16))
    found = gradients(layer, image(), training=True)
    assert any(np.any(g) for name, g in found.items() if "weight" in name)


@pytest.mark.parametrize("value", ["top3", "mid4", "top", 16])
def test_refuses_other_frequencies(value):
    with pytest.raises(ValueError, match="`frequencies` must be one of"):
        FCA(frequencies=value)


def test_refuses_a_transform_below_the_grid():
    with pytest.raises(
        ValueError, match="`dct_size` must be an integer from 7"
    ):
        FCA(dct_size=6)


def test_refuses_groups_of_several_sizes():
    with pytest.raises(ValueError, match="16 groups.*channels=24"):
        FCA().build((None, 7, 7, 24))
