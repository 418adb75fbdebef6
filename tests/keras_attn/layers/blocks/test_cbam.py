import keras
import numpy as np
import pytest
from keras import ops

from keras_attn import backend
from keras_attn.layers.blocks.cbam import CBAM
from tests.cases import cases_of
from tests.contracts import LAYER_CHECKS, contract
from tests.contracts.calls import gradients
from tests.contracts.devices import FORMATS
from tests.contracts.extremes import check_extremes
from tests.goldens.checks import check_golden


@contract(cases_of(CBAM), (*LAYER_CHECKS, check_extremes))
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


def test_is_the_identity_at_first_if_asked():
    x = image()
    y = CBAM(4, identity_start=True)(x)
    np.testing.assert_array_equal(ops.convert_to_numpy(y), x)


def test_learns_from_the_identity():
    layer = CBAM(4, identity_start=True)
    layer.build((None, 5, 4, 16))
    found = gradients(layer, image(), training=True)
    assert any(np.any(g) for name, g in found.items() if "weight" in name)


def test_the_spatial_gate_starts_at_one_half():
    gates = CBAM(4).attention(image())["spatial"]
    np.testing.assert_array_equal(ops.convert_to_numpy(gates), 0.5)


@pytest.mark.parametrize("argument", ["ratio", "kernel_size"])
@pytest.mark.parametrize("value", [0, -1, 2.5])
def test_refuses_what_is_no_positive_integer(argument, value):
    with pytest.raises(ValueError, match=f"`{argument}` must be a positive"):
        CBAM(**{argument: value})


def test_refuses_an_even_kernel():
    with pytest.raises(ValueError, match="must be odd.*kernel_size=4"):
        CBAM(kernel_size=4)


def test_equal_values_are_counted_beyond_float16():
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
