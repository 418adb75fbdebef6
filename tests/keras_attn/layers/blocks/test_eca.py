import numpy as np
import pytest
from keras import ops

from keras_attn.layers.blocks.eca import ECA
from tests.cases import cases_of
from tests.contracts import LAYER_CHECKS, contract
from tests.contracts.calls import gradients
from tests.contracts.devices import FORMATS
from tests.contracts.extremes import check_extremes
from tests.goldens.checks import check_golden


@contract(cases_of(ECA), (*LAYER_CHECKS, check_extremes))
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


def image():
    return np.random.default_rng(0).normal(size=(2, 5, 4, 16)).astype("float32")


def test_is_the_identity_at_first_if_asked():
    x = image()
    y = ECA(identity_start=True)(x)
    np.testing.assert_array_equal(ops.convert_to_numpy(y), x)


def test_learns_from_the_identity():
    layer = ECA(identity_start=True)
    layer.build((None, 5, 4, 16))
    found = gradients(layer, image(), training=True)
    assert any(np.any(g) for name, g in found.items() if "weight" in name)


@pytest.mark.parametrize("value", [0, -3, 2.5])
def test_refuses_what_is_no_positive_integer(value):
    with pytest.raises(ValueError, match="`kernel_size` must be a positive"):
        ECA(value)


def test_refuses_an_even_kernel():
    with pytest.raises(ValueError, match="must be odd.*kernel_size=4"):
        ECA(4)


def test_refuses_to_reach_around_more_than_once():
    with pytest.raises(ValueError, match="reach around.*channels=2"):
        ECA(7, circular=True).build((None, 4, 4, 2))
