from typing import Any, Unpack

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments, Names
from keras_attn.layers.parts.channel_attention import ChannelAttention
from keras_attn.layers.parts.excitation import Excitation
from keras_attn.layers.registry import attention_block


@attention_block("se")
class SE(ChannelAttention):
    """Squeeze-and-excitation: gates each channel by the means of all channels.

    Computes `z = mean_hw(x)`, `s = sigmoid(W2 relu(W1 z + b1) + b2)` and
    `y = x * s`. `W1` reduces `channels` to `channels // ratio` (at least 1),
    and `W2` expands them again. It is the default choice: it adds about 10%
    more parameters to a ResNet-50, and hardly any time. Do not use it after a
    normalisation over height and width, which makes all means equal.

    Reference: Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018
    (https://arxiv.org/abs/1709.01507), equations 2 to 4. The published models
    have biases. FcaNet's and other PyTorch ports have none. timm rounds the
    number of hidden units to a multiple of 8 (`divisor=8`). RCAN's channel
    attention is this layer. The pooling and the gates are computed in float32.

    Args:
        ratio: Positive integer, the reduction of channels. Defaults to `16`.
        use_bias: Whether the linear layers have biases. Defaults to `True`.
        divisor: Positive integer. The number of hidden units is the multiple
            of it that is nearest to `channels / ratio`, and not 0. Defaults to
            `1`, which rounds down.
        identity_start: Whether the gate is `2 s`, initially exactly 1, so that
            the layer can be added to a trained network without changing it.
            Defaults to `False`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: Same as input.

    Raises:
        ValueError: If `ratio` or `divisor` is not a positive integer, or if
            the number of channels is unknown.

    Example:

    >>> layer = keras_attn.layers.SE(ratio=4)
    >>> x = np.ones((2, 6, 6, 16), "float32")
    >>> tuple(layer(x).shape), tuple(layer.attention(x).shape)
    ((2, 6, 6, 16), (2, 16))
    """

    def __init__(
        self,
        ratio: int = 16,
        use_bias: bool = True,
        divisor: int = 1,
        identity_start: bool = False,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(identity_start, **kwargs)
        self.ratio = checks.positive("ratio", ratio)
        self.divisor = checks.positive("divisor", divisor)
        self.use_bias = use_bias

    def build(self, input_shape: Shape) -> None:
        channels = self.static_channels(input_shape)
        self.excitation = Excitation(
            self._hidden(channels),
            self.use_bias,
            zero_start=self.identity_start,
            dtype=self.dtype_policy,
            name="excitation",
        )
        self.excitation.build((None, channels))

    def _hidden(self, channels: int) -> int:
        if self.divisor == 1:
            return max(1, channels // self.ratio)
        nearest = int(channels / self.ratio / self.divisor + 0.5)
        return max(1, nearest) * self.divisor

    def logits(self, inputs: Tensor, training: bool) -> Tensor:
        return self.excitation.excite(self.mean(inputs))

    @property
    def torch_names(self) -> tuple[Names, ...]:
        names = self.excitation.names
        return (
            names("fc1", "fc2", "pointwise"),  # timm
            names("fc.0", "fc.2", "linear"),
            names("conv_du.0", "conv_du.2", "pointwise"),  # RCAN
        )

    def get_config(self) -> dict[str, Any]:
        config = {
            "ratio": self.ratio,
            "use_bias": self.use_bias,
            "divisor": self.divisor,
        }
        return {**super().get_config(), **config}
