import numpy as np
import pytest
from keras import ops

from keras_attn.ops.adaptive_pooling import average_pool, pooling_matrix
from tests.marks import once_but_first

SIZES = [(7, 3), (9, 8), (8, 8), (14, 7), (3, 8), (1, 5), (5, 1), (56, 7)]


def expected(inputs, outputs):
    matrix = np.zeros((outputs, inputs))
    for i in range(outputs):
        first = int(np.floor(i * inputs / outputs))
        end = int(np.ceil((i + 1) * inputs / outputs))
        for p in range(first, end):
            matrix[i, p] = 1.0 / (end - first)
    return matrix


@pytest.mark.parametrize(
    ("inputs", "outputs"), once_but_first(SIZES, several=True)
)
class TestPoolingMatrix:
    def test_of_integers(self, inputs, outputs):
        matrix = pooling_matrix(inputs, outputs)
        assert isinstance(matrix, np.ndarray)
        assert matrix.dtype == "float32"
        np.testing.assert_allclose(matrix, expected(inputs, outputs), rtol=1e-6)

    @pytest.mark.parametrize(
        "which", once_but_first([(1, 1), (True, False), (False, True)])
    )
    def test_of_tensors(self, which, inputs, outputs):
        sizes = [
            ops.convert_to_tensor(size, "int32") if tensor else size
            for size, tensor in zip((inputs, outputs), which, strict=True)
        ]
        matrix = pooling_matrix(*sizes)
        assert ops.is_tensor(matrix)
        matrix = ops.convert_to_numpy(matrix)
        assert matrix.dtype == "float32"
        np.testing.assert_array_equal(matrix, pooling_matrix(inputs, outputs))

    def test_keeps_constants(self, inputs, outputs):
        sums = pooling_matrix(inputs, outputs).sum(1)
        np.testing.assert_allclose(sums, 1.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("size", "outputs"), [((7, 5), (3, 2)), ((3, 4), (5, 9)), ((1, 6), (2, 6))]
)
def test_average_pool(size, outputs, tolerance):
    x = np.random.default_rng(0).normal(size=(2, 3, *size)).astype("float32")
    y = average_pool(ops.convert_to_tensor(x), size, outputs)
    assert tuple(y.shape) == (2, 3, *outputs)
    expected = np.zeros(y.shape)
    for i in range(outputs[0]):
        rows = slice(
            i * size[0] // outputs[0], -(-(i + 1) * size[0] // outputs[0])
        )
        for j in range(outputs[1]):
            columns = slice(
                j * size[1] // outputs[1], -(-(j + 1) * size[1] // outputs[1])
            )
            expected[..., i, j] = x[..., rows, columns].mean((2, 3))
    np.testing.assert_allclose(
        ops.convert_to_numpy(y), expected, rtol=0, atol=10 * tolerance
    )
