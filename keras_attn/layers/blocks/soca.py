from typing import Any, Unpack

from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments, Names
from keras_attn.layers.parts.channel_attention import ChannelAttention
from keras_attn.layers.parts.excitation import Excitation
from keras_attn.layers.registry import attention_block
from keras_attn.ops.covariance import covariance
from keras_attn.ops.matrix_sqrt import mean_of_matrix_sqrt


@attention_block("soca")
class SOCA(ChannelAttention):
    """Second-order channel attention: gates by how the channels covary.

    `S = cov(x)`, `v = mean(sqrt(S))` over the rows of the root,
    `s = sigmoid(W2 relu(W1 v + b1) + b2)`, `y = x * s`: SE with a statistic
    that tells channels of the same mean apart. For super-resolution, where
    maps have few channels: the root costs `3 * iterations * channels^3`.

    Reference: Dai et al., "Second-Order Attention Network for Single Image
    Super-Resolution" (SAN), CVPR 2019
    (https://openaccess.thecvf.com/CVPR2019).
    The root is that of a few Newton-Schulz iterations, which is not the exact
    one; the class of the official code has `ratio=8`, its network passes 16.
    Where a side is longer than `max_size`, the covariance is that of the
    middle. The official code compares strictly both ways, and so takes
    a wrong part of a map with one side of exactly 1000: of 1000 x 600 the
    middle 1000 x 200. Here each side is cut by itself, and a side of exactly
    `max_size` not at all. The covariance is of the centred map, never by a
    matrix of all positions, and `1e-8` a channel is added to its trace: the
    official code gives NaN for a flat image. Computed in float32.

    Args:
        ratio: Positive integer, the reduction of channels to the hidden
            units, of which there is at least one. Defaults to `8`.
        iterations: Positive integer, of Newton-Schulz; part of a trained
            model. Defaults to `5`.
        max_size: Positive integer, the height and width from which on only
            the middle is looked at. All of the image is gated. Defaults to
            `1000`.
        identity_start: Whether the gate is `2 s` and starts at exactly 1, so
            that the layer can be put into a trained network. Defaults to
            `False`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: Same as input.

    Raises:
        ValueError: If `ratio`, `iterations` or `max_size` is not a positive
            integer, or if the number of channels is unknown.

    Example:

    >>> layer = keras_attn.layers.SOCA(ratio=4)
    >>> x = np.ones((2, 6, 6, 16), "float32")
    >>> tuple(layer(x).shape), tuple(layer.attention(x).shape)
    ((2, 6, 6, 16), (2, 16))
    """

    def __init__(
        self,
        ratio: int = 8,
        iterations: int = 5,
        max_size: int = 1000,
        identity_start: bool = False,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(identity_start, **kwargs)
        self.ratio = checks.positive("ratio", ratio)
        self.iterations = checks.positive("iterations", iterations)
        self.max_size = checks.positive("max_size", max_size)

    def build(self, input_shape: Shape) -> None:
        channels = self.static_channels(input_shape)
        self.excitation = Excitation(
            max(1, channels // self.ratio),
            zero_start=self.identity_start,
            dtype=self.dtype_policy,
            name="excitation",
        )
        self.excitation.build((None, channels))

    def logits(self, inputs: Tensor, training: bool) -> Tensor:
        tokens = self.to_tokens(self.widen(self._middle(inputs)))
        mean = mean_of_matrix_sqrt(covariance(tokens), self.iterations)
        return self.excitation.excite(mean)

    def _middle(self, inputs: Tensor) -> Tensor:
        """Cuts what is longer than `max_size`, as much from both ends."""
        for axis in self.spatial_axes:
            side = inputs.shape[axis]
            if not isinstance(side, int):
                # Where a size is open, or PyTorch traces, only slices know.
                rest = _slice(inputs, axis, self.max_size, None)
                longer = ops.shape(rest)[axis]
            elif side > self.max_size:
                longer = side - self.max_size
            else:
                continue
            # One end after the other, which JAX can follow where it is open.
            inputs = _slice(inputs, axis, longer // 2, None)
            inputs = _slice(inputs, axis, 0, self.max_size)
        return inputs

    @property
    def torch_names(self) -> Names:
        names = self.excitation.names
        return names("conv_du.0", "conv_du.2", "pointwise")

    def get_config(self) -> dict[str, Any]:
        config = {
            "ratio": self.ratio,
            "iterations": self.iterations,
            "max_size": self.max_size,
        }
        return {**super().get_config(), **config}


def _slice(
    images: Tensor, axis: int, start: int | Tensor, stop: int | None
) -> Tensor:
    return images[(slice(None),) * axis + (slice(start, stop),)]
