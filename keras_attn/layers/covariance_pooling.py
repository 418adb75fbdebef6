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
    """Covariance pooling (iSQRT-COV): an image's channels by how they vary.

    `S = sum_p (x_p - m) (x_p - m)^T / n` over the `n` positions with mean `m`,
    `y = triangle(sqrt(S))`: the root by a few Newton-Schulz iterations, and
    of the symmetric matrix one half. Use it in place of global average pooling
    before a classifier. Reduce the channels first: 256 of them give 32896
    outputs. It has no weights.

    Reference: Li et al., "Towards Faster Training of Global Covariance Pooling
    Networks by Iterative Matrix Square Root Normalization", CVPR 2018
    (https://arxiv.org/abs/1712.01034). `iterations` is part of a trained
    model: the published ResNets have 5, GSoP-Net2 has 3, and neither is the
    exact root. Here the covariance is of the centred map, never by the
    `n x n` matrix of the official code, and `1e-8` a channel is added to its
    trace, without which a flat image gives NaN. One iteration is that of the
    official code; older copies, as in GSoP's and SAN's, leave a factor out.
    Computed in float32.

    Args:
        iterations: Positive integer, of Newton-Schulz. Defaults to `5`.
        triangle: `"row"`, the upper triangle row by row, as in the official
            code; or `"column"`, the upper triangle column by column, as in the
            copies of GSoP and SAN. The weights that follow depend on it.
            Defaults to `"row"`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: `(batch, channels * (channels + 1) / 2)`.

    Raises:
        ValueError: If `iterations` is not a positive integer, if `triangle` is
            neither of the two, or if the number of channels is unknown.

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
        # Symmetric: its columns above the diagonal are its rows below.
        indices = np.triu_indices if self.triangle == "row" else np.tril_indices
        rows, columns = indices(dim)
        # Of rows, since PyTorch's exporter can take no others.
        flat = ops.transpose(ops.reshape(root, (-1, dim * dim)))
        outputs = ops.take(flat, rows * dim + columns, axis=0)
        return self.narrow(ops.transpose(outputs))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        channels = self.static_channels(input_shape)
        return (input_shape[0], channels * (channels + 1) // 2)

    def get_config(self) -> dict[str, Any]:
        config = {"iterations": self.iterations, "triangle": self.triangle}
        return {**super().get_config(), **config}
