import numpy as np
import pytest
from keras import ops

from keras_attn.layers.blocks.gct import GCT
from tests.cases import cases_of
from tests.contracts import LAYER_CHECKS, contract
from tests.contracts.devices import FORMATS
from tests.contracts.extremes import check_extremes
from tests.goldens.checks import check_golden


@contract(cases_of(GCT), (*LAYER_CHECKS, check_extremes))
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_golden(norm, data_format):
    def make(golden, data_format):
        return GCT(norm, data_format=data_format)

    check_golden(f"gct_{norm}", make, data_format)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_is_the_identity_at_first(norm):
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 16)).astype("float32")
    y = GCT(norm)(x)
    np.testing.assert_array_equal(ops.convert_to_numpy(y), x)


def test_refuses_another_norm():
    with pytest.raises(ValueError, match="`norm` must be.*norm='l3'"):
        GCT("l3")


@pytest.mark.parametrize("value", [0.0, -1e-5])
def test_refuses_an_epsilon_that_is_none(value):
    with pytest.raises(ValueError, match=r"`epsilon` must be a number in \(0,"):
        GCT(epsilon=value)
