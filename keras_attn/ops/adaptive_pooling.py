"""Adaptive average pooling, which is linear: one matrix for each axis."""

import numpy as np
from keras import ops

from keras_attn.backend.protocol import Sides, Tensor


def pooling_matrix(
    inputs: int | Tensor, outputs: int | Tensor
) -> np.ndarray | Tensor:
    """Returns the averages of adaptive pooling as a matrix, float32.

    Output `i` is the mean of the inputs from `floor(i * inputs / outputs)`
    up to, but without, `ceil((i + 1) * inputs / outputs)`. These overlap where
    the sizes do not divide, and repeat where there are more outputs. A map
    `x` is pooled by `pooling_matrix(h, m) @ x @ pooling_matrix(w, n).T`.

    Args:
        inputs: How many there are: an integer, or a tensor of one where it
            is not known before the graph runs.
        outputs: How many to return, likewise.

    Returns:
        An array of shape `(outputs, inputs)`, of NumPy if both are integers.
    """
    # In an export of JAX an open size is a symbol, neither number nor tensor.
    static = all(isinstance(n, (int, np.integer)) for n in (inputs, outputs))
    numbers = np if static else ops
    rows = numbers.expand_dims(numbers.arange(outputs), 1)
    columns = numbers.expand_dims(numbers.arange(inputs), 0)
    first = rows * inputs // outputs
    end = ((rows + 1) * inputs + outputs - 1) // outputs
    inside = numbers.logical_and(columns >= first, columns < end)
    matrix = numbers.where(inside, numbers.divide(1.0, end - first), 0.0)
    return matrix.astype("float32") if static else ops.cast(matrix, "float32")


def average_pool(maps: Tensor, inputs: Sides, outputs: Sides) -> Tensor:
    """Averages the last two axes from one size to another.

    Args:
        maps: Tensor `(..., height, width)`.
        inputs: Its height and width, as `pooling_matrix` takes them.
        outputs: Those to return, likewise; they may be larger.

    Returns:
        A tensor of the dtype of the maps.
    """
    rows, columns = (
        ops.cast(pooling_matrix(*sizes), maps.dtype)
        for sizes in zip(inputs, outputs, strict=True)
    )
    return ops.matmul(rows, ops.matmul(maps, ops.transpose(columns)))
