"""Runs functions batch by batch."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from keras_attn import backend


def in_batches(
    count: int, batch_size: int, function: Callable[[np.ndarray], Any]
) -> Any:
    """Calls a function on batches of indices and concatenates the results.

    Args:
        count: Total number of indices.
        batch_size: Maximum number of indices per call.
        function: Maps indices to a nest of tensors or arrays, one row per
            index.

    Returns:
        The nest with NumPy arrays of `count` rows.
    """
    parts = [
        keras.tree.map_structure(keras.ops.convert_to_numpy, function(indices))
        for indices, _ in batches(count, batch_size)
    ]
    # Only the last batch is padded.
    return keras.tree.map_structure(
        lambda *x: np.concatenate(x)[:count], *parts
    )


def batches(count: int, batch_size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yields batches of indices of one size, and how many of them are real.

    The last batch is padded with its first index, since another batch size
    would need another compilation. For the same reason, only a few batch
    sizes are used for all numbers of images.
    """
    parts = -(-count // batch_size)
    side = min(_padded(-(-count // parts)), batch_size)
    for start in range(0, count, side):
        indices = np.arange(start, min(start + side, count))
        filling = np.full(side - len(indices), start)
        yield np.concatenate([indices, filling]), len(indices)


def _padded(count: int) -> int:
    """Rounds up to one of 1, 2, 3, 4, 6, 8, 12, 16, ..."""
    if not backend.COMPILES:
        return count
    power = 1 << (count - 1).bit_length()
    return min(x for x in (power, 3 * power // 4) if x >= count)
