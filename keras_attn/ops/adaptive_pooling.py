"""Adaptive average pooling, as one matrix per axis."""

import numpy as np
from keras import ops

from keras_attn.backend.protocol import Sides, Tensor


def pooling_matrix(
    inputs: int | Tensor, outputs: int | Tensor
) -> np.ndarray | Tensor:
    """Returns the float32 matrix that pools one axis adaptively.

    Output `i` is the mean of the inputs from `floor(i * inputs / outputs)` up
    to but excluding `ceil((i + 1) * inputs / outputs)`. These ranges overlap
    if the sizes do not divide, and repeat if there are more outputs than
    inputs. `pooling_matrix(h, m) @ x @ pooling_matrix(w, n).T` pools a map `x`.

    Args:
        inputs: The number of inputs: an integer, or a scalar tensor if it is
            only known at run time.
        outputs: The number of outputs, also an integer or a scalar tensor.

    Returns:
        A tensor of shape `(outputs, inputs)`, or a NumPy array if both numbers
        are integers.
    """
    # In a JAX export, an open size is a symbol, neither a number nor a tensor.
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
    """Applies adaptive average pooling to the last two axes.

    Args:
        maps: Tensor `(..., height, width)`.
        inputs: Height and width of the maps, as in `pooling_matrix`.
        outputs: Height and width of the result, which may be larger.

    Returns:
        A tensor of the dtype of the maps.
    """
    rows, columns = (
        ops.cast(pooling_matrix(*sizes), maps.dtype)
        for sizes in zip(inputs, outputs, strict=True)
    )
    return ops.matmul(rows, ops.matmul(maps, ops.transpose(columns)))
