from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.ops import interpolation

# From the numbers of positions before and after to a matrix.
Matrix = Callable[[int, int], np.ndarray]


def bilinear(source: int, target: int) -> np.ndarray:
    """Returns the matrix of linear interpolation with aligned corners."""
    matrix = interpolation.bilinear_matrix(source, target, align_corners=True)
    return np.asarray(matrix)


@keras.saving.register_keras_serializable(package="keras_attn")
class PositionEmbedding(keras.layers.Layer):
    """Adds a trained embedding of its position to each token: `y = x + e`.

    The tokens are those of a grid, row by row, after some tokens without a
    position. When weights for another grid size are loaded, they are
    interpolated bilinearly with aligned corners, as in the paper's code. The
    weights of the tokens before the grid do not change.

    Reference: Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021
    (https://arxiv.org/abs/2010.11929), section 3.2.

    Args:
        grid: Pair of integers, the rows and columns of the tokens.
        before: Integer, the number of tokens before the grid. Defaults to `0`.
        initializer: Initialiser of the weights. Defaults to a normal
            distribution with a standard deviation of 0.02, as in the paper's
            code.
        **kwargs: `keras.layers.Layer` arguments.

    Input shape: `(batch, before + rows * columns, channels)`.
    Output shape: Same as input.

    Raises:
        ValueError: If the number of tokens does not fit the grid.
    """

    # The name in timm, then the name in lucidrains' code and torchvision.
    torch_names = (
        {"pos_embed": ("embedding", "same")},
        {"pos_embedding": ("embedding", "same")},
    )

    def __init__(
        self,
        grid: Sequence[int],
        before: int = 0,
        initializer: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.grid = tuple(grid)
        self.before = before
        if initializer is None:
            initializer = keras.initializers.RandomNormal(stddev=0.02)
        self.initializer = keras.initializers.get(initializer)
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, input_shape: Shape) -> None:
        tokens = self.before + self.grid[0] * self.grid[1]
        if input_shape[1] not in (None, tokens):
            raise ValueError(
                f"There must be {tokens} tokens, {self.before} before a grid "
                f"of {self.grid[0]} x {self.grid[1]}. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.embedding = self.add_weight(
            name="embedding",
            shape=(1, tokens, input_shape[-1]),
            initializer=self.initializer,
        )

    def call(self, inputs: Tensor) -> Tensor:
        return inputs + ops.convert_to_tensor(self.embedding)

    def save_own_variables(self, store: dict[str, Any]) -> None:
        super().save_own_variables(store)
        store["grid"] = np.asarray(self.grid)

    def load_own_variables(self, store: dict[str, Any]) -> None:
        grid = tuple(int(side) for side in np.asarray(store["grid"]))
        embedding = np.asarray(store["0"])
        # The file is untrusted, and its grid sets the size of the result.
        if min(grid) < 1 or grid[0] * grid[1] > embedding.shape[1]:
            raise ValueError(
                "The grid of saved weights must not have more positions than "
                f"they have tokens. Received: grid={grid}, "
                f"embedding.shape={embedding.shape}"
            )
        if grid != self.grid:
            embedding = interpolated(embedding, grid, self.grid)
        self.embedding.assign(embedding)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        config = {
            "grid": self.grid,
            "before": self.before,
            "initializer": keras.initializers.serialize(self.initializer),
        }
        return {**super().get_config(), **config}


def interpolated(
    embedding: np.ndarray,
    source: Sequence[int],
    target: Sequence[int],
    matrix: Matrix = bilinear,
) -> np.ndarray:
    """Interpolates an embedding `(1, tokens, channels)` to another grid.

    Both are NumPy arrays. Tokens beyond the `source` grid come first and do
    not change. `matrix` returns the matrix `(target, source)` for one axis.
    """
    before = embedding.shape[1] - source[0] * source[1]
    rows, columns = (
        matrix(*sides) for sides in zip(source, target, strict=True)
    )
    maps = embedding[0, before:].reshape(*source, -1)
    maps = np.einsum("ij,jlc,kl->ikc", rows, maps, columns, optimize=True)
    places = maps.reshape(1, target[0] * target[1], -1)
    places = places.astype(embedding.dtype)
    return np.concatenate([embedding[:, :before], places], axis=1)
