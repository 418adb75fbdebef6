import keras
import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from benchmarks.twins import Twin
from keras_attn.layers.covariance_pooling import CovariancePooling
from tests.cases.equations import covariance, root
from tests.cases.strategies import COUNTS, SMALL, of_sides, on_images
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.devices import FORMATS, to_format
from tests.contracts.extremes import check_extremes
from tests.goldens import load_golden


def covariance_pooling(iterations, column=False):
    def reference(weights, x):
        y = root(covariance(x), iterations)
        n = y.shape[-1]
        pairs = [(i, j) for i in range(n) for j in range(i, n)]
        if column:
            pairs = [(i, j) for j in range(n) for i in range(j + 1)]
        return np.stack([y[:, i, j] for i, j in pairs], -1)

    return reference


CASES = (
    LayerCase(cls=CovariancePooling, reference=covariance_pooling(5)),
    LayerCase(
        cls=CovariancePooling,
        kwargs={"iterations": 1, "triangle": "column"},
        reference=covariance_pooling(1, column=True),
    ),
)
REFUSED = {
    "iterations": [*COUNTS, None],
    "triangle": ["rows", None],
}
EXAMPLES = on_images(
    CovariancePooling,
    optional={
        "iterations": SMALL,
        "triangle": st.sampled_from(["row", "column"]),
    },
    outputs=of_sides(lambda b, h, w, c: [(b, c * (c + 1) // 2)]),
)


def plain():
    """Returns the class in plain PyTorch, as published."""
    import torch
    from torch import nn

    from benchmarks.plain.covariance import covariance, matrix_sqrt

    class CovariancePooling(nn.Module):
        """The upper triangle of the root."""

        def __init__(self, channels, size):
            super().__init__()
            self.indices = torch.triu_indices(channels, channels).unbind()

        def forward(self, x):
            rows, columns = self.indices
            return matrix_sqrt(covariance(x))[:, rows, columns]

    return CovariancePooling


# With 2048 channels, the root costs 2 TFLOP per batch in any implementation,
# and a run takes minutes.
TWINS = (Twin(plain, most_channels=1024),)


# Keras warns about models without weights, which is expected here.
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

    def test_columns_are_another_order_of_the_same_numbers(
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
        # The copies return the transposed upper triangle, row by row.
        lower = [(i, j) for i in range(32) for j in range(i + 1)]
        expected = np.stack([square[:, j, i] for i, j in lower], -1)
        assert not np.allclose(expected, golden[key])
        size = np.abs(expected).max()
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6 * size)


def test_more_iterations_change_the_result():
    golden = load_golden("mpncov")
    layer = CovariancePooling(20, data_format="channels_last")
    y = ops.convert_to_numpy(layer(golden["x"]))
    assert np.abs(y - golden["y"]).max() > 0.1 * np.abs(golden["y"]).max()


def test_a_flat_image_yields_zero():
    layer = CovariancePooling()
    y = ops.convert_to_numpy(layer(np.full((2, 4, 4, 8), 3.0, "float32")))
    np.testing.assert_allclose(y, 0.0, atol=1e-5)


def test_rejects_an_unknown_number_of_channels():
    layer = CovariancePooling(data_format="channels_last")
    with pytest.raises(ValueError, match="static number of channels"):
        layer(keras.Input((4, 4, None)))
    with pytest.raises(ValueError, match="static number of channels"):
        layer.compute_output_shape((None, 4, 4, None))
