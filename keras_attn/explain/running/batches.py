"""Many rows, a batch at a time."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from keras_attn import backend


def in_batches(
    count: int, batch_size: int, function: Callable[[np.ndarray], Any]
) -> Any:
    """Calls a function on the indices of one batch after the other.

    Args:
        count: How many indices there are.
        batch_size: How many the function may be given at once.
        function: Returns a nest of tensors or arrays with a row for each.

    Returns:
        The nest with NumPy arrays of `count` rows.
    """
    parts = [
        keras.tree.map_structure(keras.ops.convert_to_numpy, function(indices))
        for indices, _ in batches(count, batch_size)
    ]
    # Only the last one is filled up.
    return keras.tree.map_structure(
        lambda *x: np.concatenate(x)[:count], *parts
    )


def batches(count: int, batch_size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yields indices, as many each time, and how many of them count.

    The last ones are filled up with their first index: another number would
    be compiled for once more. So would each number of images, if it were not
    one of few.
    """
    parts = -(-count // batch_size)
    side = min(_padded(-(-count // parts)), batch_size)
    for start in range(0, count, side):
        indices = np.arange(start, min(start + side, count))
        filling = np.full(side - len(indices), start)
        yield np.concatenate([indices, filling]), len(indices)


def _padded(count: int) -> int:
    """Returns the least of 1, 2, 3, 4, 6, 8, 12, 16, ... that is enough."""
    if not backend.COMPILES:
        return count
    power = 1 << (count - 1).bit_length()
    return min(x for x in (power, 3 * power // 4) if x >= count)
