from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attn.backend.protocol import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_attn")
class RotaryEmbedding(keras.layers.Layer):
    """Rotates queries or keys by angles that depend on their positions.

    The `d` numbers of a head form pairs of the numbers `i` and `i + d / 2`.
    Each pair is rotated by an angle `2 pi p / t`. For the first half of the
    pairs, `p` is the row of the token, and for the second half its column, both
    from -1 to 1 across the image. Half `k` has the periods `t = 100^(4 k / d)`,
    with `k` from 0 to `d / 4 - 1`. The products of queries and keys then depend
    only on their distances, and no weight depends on the grid.

    Reference: Su et al., "RoFormer", https://arxiv.org/abs/2104.09864, and for
    positions and periods Simeoni et al., "DINOv3",
    https://arxiv.org/abs/2508.10104.

    Args:
        grid: Pair of integers, the rows and columns of the last tokens. Tokens
            before them have no position and are not rotated.
        **kwargs: `keras.layers.Layer` arguments.

    Input shape: `(batch, tokens, heads, d)`, with `d` a multiple of 4.
    Output shape: Same as input.

    Raises:
        ValueError: If the number of tokens or `d` does not fit.
    """

    def __init__(self, grid: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        self.grid = tuple(grid)

    def build(self, input_shape: Shape) -> None:
        _, tokens, _, size = input_shape
        least = self.grid[0] * self.grid[1]
        if tokens is None or tokens < least or size % 4:
            raise ValueError(
                "A rotary embedding requires a known number of tokens, at "
                "least one per grid position, and heads whose size is a "
                f"multiple of 4. Received: grid={self.grid}, {tokens} tokens, "
                f"heads of {size}"
            )
        angles = _angles(self.grid, size)
        # Tokens before the grid are not rotated.
        angles = np.pad(angles, ((tokens - len(angles), 0), (0, 0)))
        angles = np.tile(angles, 2)[:, None].astype("float32")
        self._cosines, self._sines = np.cos(angles), np.sin(angles)

    def call(self, inputs: Tensor) -> Tensor:
        x = ops.cast(inputs, "float32")
        a, b = ops.split(x, 2, axis=-1)
        turned = ops.concatenate([-b, a], axis=-1)
        x = x * ops.convert_to_tensor(self._cosines)
        x = x + turned * ops.convert_to_tensor(self._sines)
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "grid": self.grid}


def _angles(grid: tuple[int, ...], size: int) -> np.ndarray:
    """Returns the angles of all positions, `(rows * columns, size / 2)`."""
    sides = [(np.arange(side) + 0.5) / side * 2 - 1 for side in grid]
    places = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1)
    periods = 100.0 ** (np.arange(size // 4) / (size // 4))
    angles = 2 * np.pi * places.reshape(-1, 2, 1) / periods
    return angles.reshape(len(angles), -1)
