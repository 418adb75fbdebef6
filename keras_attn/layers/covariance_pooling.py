from typing import Any, Unpack

import keras
import numpy as np
from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments, FeatureMapLayer
from keras_attn.ops.covariance import covariance
from keras_attn.ops.matrix_sqrt import matrix_sqrt


@keras.saving.register_keras_serializable(package="keras_attn")
class CovariancePooling(FeatureMapLayer):
    """Covariance pooling (iSQRT-COV), the root of the channel covariance.

    Computes `S = sum_p (x_p - m) (x_p - m)^T / n` over `n` positions with the
    mean `m`, and `y = triangle(sqrt(S))`. The root is approximated by a few
    Newton-Schulz iterations, and `triangle` is one half of the symmetric
    matrix. Use the layer instead of global average pooling before a
    classifier. Reduce the channels first, since 256 channels yield 32896
    outputs. It has no weights.

    Reference: Li et al., "Towards Faster Training of Global Covariance Pooling
    Networks by Iterative Matrix Square Root Normalization", CVPR 2018
    (https://arxiv.org/abs/1712.01034). `iterations` is part of a trained
    model. The published ResNets use 5 and GSoP-Net2 uses 3, neither of which
    reaches the exact root. Here the covariance is computed from the centred
    map, without the `n x n` matrix of the official code, and `1e-8` per channel
    is added to its trace, without which a flat image yields NaN. A single
    iteration follows the official code. Older copies of it, in GSoP and SAN,
    omit a factor. Computed in float32.

    Args:
        iterations: Positive integer, the number of Newton-Schulz iterations.
            Defaults to `5`.
        triangle: `"row"` for the upper triangle row by row, as in the official
            code, or `"column"` for the upper triangle column by column, as in
            the copies in GSoP and SAN. The weights of later layers depend on
            it. Defaults to `"row"`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: `(batch, channels * (channels + 1) / 2)`.

    Raises:
        ValueError: If `iterations` is not a positive integer, if `triangle` is
            not one of these, or if the number of channels is unknown.

    Example:

    >>> layer = keras_attn.layers.CovariancePooling()
    >>> x = np.ones((2, 6, 6, 16), "float32")
    >>> tuple(layer(x).shape)
    (2, 136)
    """

    def __init__(
        self,
        iterations: int = 5,
        triangle: str = "row",
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(**kwargs)
        self.iterations = checks.positive("iterations", iterations)
        self.triangle = checks.one_of("triangle", triangle, ("row", "column"))

    def build(self, input_shape: Shape) -> None:
        channels = self.static_channels(input_shape)
        axes = {self.channel_axis: channels}
        self.input_spec = keras.layers.InputSpec(ndim=4, axes=axes)
        self.channels = channels

    def call(self, inputs: Tensor) -> Tensor:
        tokens = self.to_tokens(self.widen(inputs))
        root = matrix_sqrt(covariance(tokens), self.iterations)
        dim = self.channels
        # By symmetry, the columns above the diagonal are the rows below it.
        indices = np.triu_indices if self.triangle == "row" else np.tril_indices
        rows, columns = indices(dim)
        # Along axis 0, the only one that PyTorch's exporter supports.
        flat = ops.transpose(ops.reshape(root, (-1, dim * dim)))
        outputs = ops.take(flat, rows * dim + columns, axis=0)
        return self.narrow(ops.transpose(outputs))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        channels = self.static_channels(input_shape)
        return (input_shape[0], channels * (channels + 1) // 2)

    def get_config(self) -> dict[str, Any]:
        config = {"iterations": self.iterations, "triangle": self.triangle}
        return {**super().get_config(), **config}
