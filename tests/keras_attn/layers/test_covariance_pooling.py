import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.layers.covariance_pooling import CovariancePooling
from tests.cases.second_order import SECOND_ORDER
from tests.contracts import LAYER_CHECKS, contract
from tests.contracts.devices import FORMATS, to_format
from tests.contracts.extremes import check_extremes
from tests.goldens import load_golden

CASES = [case for case in SECOND_ORDER if case.cls is CovariancePooling]


# Keras says so where a whole model has none, as is right here.
@pytest.mark.filterwarnings("ignore:The model does not have any trainable")
@contract(CASES, (*LAYER_CHECKS, check_extremes))
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(("iterations", "key"), [(5, "y"), (3, "y3")])
class TestGolden:
    def test_outputs(self, iterations, key, data_format):
        golden = load_golden("mpncov")
        layer = CovariancePooling(iterations, data_format=data_format)
        y = ops.convert_to_numpy(layer(to_format(golden["x"], data_format)))
        size = np.abs(golden[key]).max()
        np.testing.assert_allclose(y, golden[key], rtol=1e-5, atol=1e-6 * size)

    def test_columns_hold_the_same_in_another_order(
        self, iterations, key, data_format
    ):
        golden = load_golden("mpncov")
        layer = CovariancePooling(
            iterations, triangle="column", data_format=data_format
        )
        y = ops.convert_to_numpy(layer(to_format(golden["x"], data_format)))
        square = np.zeros((len(y), 32, 32))
        upper = [(i, j) for i in range(32) for j in range(i, 32)]
        for k, (i, j) in enumerate(upper):
            square[:, i, j] = golden[key][:, k]
        # The copies take the transposed upper triangle, row by row.
        lower = [(i, j) for i in range(32) for j in range(i + 1)]
        expected = np.stack([square[:, j, i] for i, j in lower], -1)
        assert not np.allclose(expected, golden[key])
        size = np.abs(expected).max()
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6 * size)


def test_iterations_are_not_a_matter_of_accuracy():
    golden = load_golden("mpncov")
    layer = CovariancePooling(20, data_format="channels_last")
    y = ops.convert_to_numpy(layer(golden["x"]))
    assert np.abs(y - golden["y"]).max() > 0.1 * np.abs(golden["y"]).max()


def test_a_flat_image_gives_zero():
    layer = CovariancePooling()
    y = ops.convert_to_numpy(layer(np.full((2, 4, 4, 8), 3.0, "float32")))
    np.testing.assert_allclose(y, 0.0, atol=1e-5)


@pytest.mark.parametrize("value", [0, -1, 2.5, True, None])
def test_refuses_what_is_no_positive_integer(value):
    message = "`iterations` must be a positive integer. Received: iterations="
    with pytest.raises(ValueError, match=message):
        CovariancePooling(iterations=value)


@pytest.mark.parametrize("value", ["upper", None])
def test_refuses_another_triangle(value):
    message = "`triangle` must be one of 'row', 'column'. Received: triangle="
    with pytest.raises(ValueError, match=message):
        CovariancePooling(triangle=value)


def test_refuses_an_unknown_number_of_channels():
    layer = CovariancePooling(data_format="channels_last")
    with pytest.raises(ValueError, match="static number of channels"):
        layer(keras.Input((4, 4, None)))
    with pytest.raises(ValueError, match="static number of channels"):
        layer.compute_output_shape((None, 4, 4, None))
