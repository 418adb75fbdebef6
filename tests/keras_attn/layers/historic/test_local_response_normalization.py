import numpy as np
import pytest
from keras import ops

from keras_attn.layers import LocalResponseNormalization
from tests.cases.switches import LOCAL_RESPONSE, local_response
from tests.contracts import LAYER_CHECKS, contract
from tests.contracts.devices import FORMATS, from_format, to_format
from tests.contracts.extremes import check_extremes
from tests.goldens import load_golden


@contract(LOCAL_RESPONSE, (*LAYER_CHECKS, check_extremes))
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(("size", "k"), [(5, 2.0), (12, 1.0)])
def test_matches_pytorch(size, k, data_format):
    golden = load_golden("lrn")
    layer = LocalResponseNormalization(
        size, k=k, convention="torch", data_format=data_format
    )
    y = ops.convert_to_numpy(layer(to_format(golden["x"], data_format)))
    np.testing.assert_allclose(
        from_format(y, data_format), golden[f"y{size}"], rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("size", [1, 2, 7, 40])
def test_sums_only_existing_channels(size):
    x = np.random.default_rng(0).normal(size=(2, 3, 2, 6))
    layer = LocalResponseNormalization(
        size, alpha=0.7, beta=0.3, k=0.5, data_format="channels_last"
    )
    y = ops.convert_to_numpy(layer(x.astype("float32")))
    expected = local_response(x, size, 0.7, 0.3, 0.5)
    np.testing.assert_allclose(y, expected, rtol=1e-5)


def test_the_paper_does_not_divide_by_the_size():
    x = np.full((1, 1, 1, 3), 100.0, "float32")
    y = LocalResponseNormalization(data_format="channels_last")(x)
    expected = 100 / (2 + 1e-4 * 3 * 100**2) ** 0.75
    np.testing.assert_allclose(ops.convert_to_numpy(y)[0, 0, 0], expected, 1e-5)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"size": 0}, "`size` must be a positive integer"),
        ({"alpha": -1.0}, r"`alpha` must be a number in \[0, inf\)"),
        ({"beta": float("nan")}, r"`beta` must be a number in \[0, inf\)"),
        ({"k": 0.0}, r"`k` must be a number in \(0, inf\)"),
        ({"convention": "caffe"}, "`convention` must be one of"),
    ],
)
def test_rejects_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        LocalResponseNormalization(**kwargs)


def test_rejects_an_unknown_number_of_channels():
    with pytest.raises(ValueError, match="static number of channels"):
        LocalResponseNormalization(data_format="channels_last").build(
            (None, 4, 4, None)
        )
