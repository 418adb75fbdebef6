import math
from typing import Any, Unpack

from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments
from keras_attn.layers.parts.channel_attention import ChannelAttention
from keras_attn.layers.parts.initializers import FanInUniform
from keras_attn.layers.registry import attention_block


@attention_block("eca")
class ECA(ChannelAttention):
    """Efficient channel attention: gates each channel by its neighbours' means.

    Computes `z = mean_hw(x)`, `s[c] = sigmoid(sum_j w[j] * z[c + j - k // 2])`
    and `y = x * s`. All channels share one kernel `w` of `k` numbers, with
    zeros beyond the first and last channel. In its paper it is nearly as good
    as SE, with a handful of parameters. The network learns which channels are
    neighbours.

    Reference: Wang et al., "ECA-Net", CVPR 2020
    (https://arxiv.org/abs/1910.03151), equation 12 and figure 3. The paper's
    rule is `t = int(abs((log2(channels) + 1) / 2))` and `k = t`, or `k = t + 1`
    if `t` is even. This is not the "nearest odd number" of the text. It also
    does not yield the kernel sizes of the released models (3, 5, 5 and 7 for
    the stages of a ResNet-50), which must be passed. timm uses a size of at
    least 3, and its `CecaModule` is `circular=True`. The pooling and the gates
    are computed in float32.

    Args:
        kernel_size: Odd positive integer, or `None` for the paper's rule.
            Defaults to `None`.
        circular: Whether the first and last channels are neighbours, instead
            of being padded with zeros. Defaults to `False`.
        identity_start: Whether the gate is `2 s`, initially exactly 1, so that
            the layer can be added to a trained network without changing it.
            Defaults to `False`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: Same as input.

    Raises:
        ValueError: If `kernel_size` is not an odd positive integer, if it is
            larger than twice the channels of a circular layer, or if the
            number of channels is unknown.

    Example:

    >>> layer = keras_attn.layers.ECA(kernel_size=3)
    >>> x = np.ones((2, 6, 6, 16), "float32")
    >>> tuple(layer(x).shape), tuple(layer.attention(x).shape)
    ((2, 6, 6, 16), (2, 16))
    """

    torch_names = {"conv.weight": ("kernel", "conv1d")}

    def __init__(
        self,
        kernel_size: int | None = None,
        circular: bool = False,
        identity_start: bool = False,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(identity_start, **kwargs)
        self.kernel_size = checks.positive(
            "kernel_size", kernel_size, optional=True
        )
        if kernel_size is not None and kernel_size % 2 == 0:
            raise ValueError(
                "`kernel_size` must be odd, so that the kernel has a centre. "
                f"Received: kernel_size={kernel_size}"
            )
        self.circular = circular

    def build(self, input_shape: Shape) -> None:
        channels = self.static_channels(input_shape)
        size = self.kernel_size or _rule(channels)
        if self.circular and size // 2 > channels:
            raise ValueError(
                "With `circular=True`, `kernel_size // 2` must be at most the "
                "number of channels, so that the kernel wraps around once. "
                f"Received: kernel_size={size}, channels={channels}"
            )
        # The shape of a 1D convolution from one channel to one channel.
        self.kernel = self.add_weight(
            name="kernel",
            shape=(size, 1, 1),
            initializer="zeros" if self.identity_start else FanInUniform(size),
            autocast=False,
        )

    def logits(self, inputs: Tensor, training: bool) -> Tensor:
        z = self.mean(inputs)
        channels, size = z.shape[1], self.kernel.shape[0]
        reach = size // 2
        if self.circular and reach:
            z = ops.concatenate([z[:, -reach:], z, z[:, :reach]], axis=1)
        else:
            z = ops.pad(z, ((0, 0), (reach, reach)))
        # A sum of shifted vectors, which compilers fuse, unlike a convolution.
        kernel = ops.unstack(ops.cast(ops.reshape(self.kernel, (-1,)), z.dtype))
        return sum(w * z[:, j : j + channels] for j, w in enumerate(kernel))

    def get_config(self) -> dict[str, Any]:
        config = {"kernel_size": self.kernel_size, "circular": self.circular}
        return {**super().get_config(), **config}


def _rule(channels: int) -> int:
    """Returns the kernel size of the paper's equation 12."""
    size = int(abs((math.log2(channels) + 1) / 2))
    return size if size % 2 else size + 1
