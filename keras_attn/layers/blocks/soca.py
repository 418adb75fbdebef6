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
    """Second-order channel attention: gates channels by their covariance.

    Computes `S = cov(x)`, `v = mean(sqrt(S))` over the rows of the root,
    `s = sigmoid(W2 relu(W1 v + b1) + b2)` and `y = x * s`. It is SE with a
    statistic that distinguishes channels of the same mean. Use it for
    super-resolution, where maps have few channels, since the root costs
    `3 * iterations * channels^3`.

    Reference: Dai et al., "Second-Order Attention Network for Single Image
    Super-Resolution" (SAN), CVPR 2019
    (https://openaccess.thecvf.com/CVPR2019).
    The root is approximated by a few Newton-Schulz iterations. The class in the
    official code has `ratio=8`, and its network passes 16. If a side is longer
    than `max_size`, only the middle of the map enters the covariance. The
    official code uses strict comparisons on both sides, and so selects the
    wrong part of a map with a side of exactly 1000: the middle 1000 x 200 of
    1000 x 600. Here each side is cropped independently, and a side of exactly
    `max_size` is not cropped. The covariance is computed from the centred map,
    without a matrix of all positions, and `1e-8` per channel is added to its
    trace. The official code returns NaN for a flat image. Computed in float32.

    Args:
        ratio: Positive integer, the reduction of channels to the hidden units
            (at least one). Defaults to `8`.
        iterations: Positive integer, the number of Newton-Schulz iterations,
            which is part of a trained model. Defaults to `5`.
        max_size: Positive integer, the largest height and width that enter the
            covariance. Larger maps are cropped to their middle for it, but
            gated as a whole. Defaults to `1000`.
        identity_start: Whether the gate is `2 s`, initially exactly 1, so that
            the layer can be added to a trained network without changing it.
            Defaults to `False`.
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
        """Crops sides that are longer than `max_size`, at both ends."""
        for axis in self.spatial_axes:
            side = inputs.shape[axis]
            if not isinstance(side, int):
                # Open sizes, and all sizes while PyTorch traces, are only
                # known from the length of a slice.
                rest = _slice(inputs, axis, self.max_size, None)
                longer = ops.shape(rest)[axis]
            elif side > self.max_size:
                longer = side - self.max_size
            else:
                continue
            # One end after the other, so that JAX can infer open sizes.
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
