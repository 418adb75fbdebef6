from typing import Any, Unpack

import keras
from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments, Names
from keras_attn.layers.parts.batch_normalization import normalization_names
from keras_attn.layers.parts.conv2d_norm_activation import Conv2DNormActivation
from keras_attn.layers.parts.initializers import FanOutNormal
from keras_attn.layers.parts.linear import add_linear, linear
from keras_attn.layers.parts.path_attention import PathAttention
from keras_attn.layers.registry import attention_block

# The reduction and the smallest number of hidden units in the official code.
_RATIO, _LEAST_HIDDEN = 4, 32


@attention_block("split_attention", placement="replace")
class SplitAttention(PathAttention):
    """Split attention: each channel chooses among maps of a convolution.

    Computes `radix` maps `u[i]` by one 3x3 convolution with
    `groups * radix` groups, batch normalisation and ReLU. Then
    `z = mean_hw(sum_i u[i])`, `s = W2 relu(BN(W1 z + b1)) + b2`,
    `a = softmax_i(s)` and `y = sum_i a[i] * u[i]`, where `s` has one number per
    map `i` and output channel. Each map is computed from its own part of the
    input channels. With `radix=1`, the softmax becomes a sigmoid, and the layer
    gates its only map as `SE` does. Use it instead of a 3x3 convolution, its
    normalisation and its activation.

    Reference: Zhang et al., "ResNeSt: Split-Attention Networks", CVPR
    Workshops 2022 (https://arxiv.org/abs/2004.08955), section 3, in the
    radix-major form of the official code. `W1` and `W2` have `groups` groups,
    the cardinality of the paper. The batch normalisation of `z` follows the
    code. The official networks reduce the size by an average pooling after or
    before the layer, not by `strides`. As there, the kernel has He
    initialisation (fan-out). The mean and the weights are computed in float32.

    Args:
        filters: Positive integer, the number of output channels, or `None` for
            that of the input. Defaults to `None`.
        radix: Positive integer, the number of maps. Defaults to `2`.
        groups: Positive integer, the number of groups that choose separately.
            Defaults to `1`.
        hidden: Positive integer, the number of hidden units, or `None` for a
            quarter of `channels * radix` (at least 32). Defaults to `None`.
        strides: Positive integer, the stride of the convolution. Defaults to
            `1`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: Same as input, with `filters` channels and with height and
        width divided by `strides`, rounded up.

    Raises:
        ValueError: If an argument is not one of these values. If the number of
            channels is unknown or not a multiple of `groups * radix`. If
            `filters` or the hidden units are not multiples of `groups`.

    Example:

    >>> layer = keras_attn.layers.SplitAttention(filters=8, strides=2)
    >>> x = np.ones((2, 6, 6, 16), "float32")
    >>> tuple(layer(x).shape), tuple(layer.attention(x).shape)
    ((2, 3, 3, 8), (2, 2, 8))
    """

    # The names in timm and in the official code.
    torch_names: Names = {
        "conv.weight": ("convolution.convolution.kernel", "conv"),
        **normalization_names("bn0", "convolution.normalization"),
        "fc1.weight": ("reduce_kernel", "pointwise"),
        "fc1.bias": ("reduce_bias", "same"),
        **normalization_names("bn1"),
        "fc2.weight": ("select_kernel", "pointwise"),
        "fc2.bias": ("select_bias", "same"),
    }

    def __init__(
        self,
        filters: int | None = None,
        radix: int = 2,
        groups: int = 1,
        hidden: int | None = None,
        strides: int = 1,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(filters, hidden, strides, groups, **kwargs)
        self.radix = checks.positive("radix", radix)

    def build(self, input_shape: Shape) -> None:
        channels = self.static_channels(input_shape)
        filters = self.filters_of(channels)
        hidden = self.hidden or max(
            channels * self.radix // _RATIO, _LEAST_HIDDEN
        )
        self.check_groups(self.groups * self.radix, channels=channels)
        self.check_groups(self.groups, filters=filters, hidden=hidden)
        self.convolution = Conv2DNormActivation(
            self.radix * filters,
            3,
            self.strides,
            padding=1,
            use_bias=False,
            kernel_initializer=FanOutNormal(),
            data_format=self.data_format,
            groups=self.groups * self.radix,
            dtype=self.dtype_policy,
            name="convolution",
        )
        self.convolution.build(input_shape)
        add_linear(self, "reduce", filters // self.groups, hidden)
        self.add_normalization(hidden)
        outputs = self.radix * filters
        add_linear(self, "select", hidden // self.groups, outputs)
        axes = {self.channel_axis: channels}
        self.input_spec = keras.layers.InputSpec(ndim=4, axes=axes)

    def paths(self, inputs: Tensor, training: bool) -> list[Tensor]:
        maps = self.convolution(inputs, training=training)
        return ops.split(maps, self.radix, axis=self.channel_axis)

    def weights_of(self, z: Tensor, training: bool) -> Tensor:
        filters = z.shape[1]
        z = self._grouped("reduce", z)
        z = ops.relu(self.normalization(z, training=training))
        s = self._grouped("select", z)
        # Ordered by group, then by map, and the maps by map, then by group.
        s = ops.reshape(
            s, (-1, self.groups, self.radix, filters // self.groups)
        )
        s = ops.reshape(
            ops.transpose(s, (0, 2, 1, 3)), (-1, self.radix, filters)
        )
        return ops.sigmoid(s) if self.radix == 1 else ops.softmax(s, axis=1)

    def _grouped(self, name: str, x: Tensor) -> Tensor:
        """Applies a linear layer to each group of numbers separately."""
        if self.groups == 1:
            return linear(self, name, x)
        kernel, bias = (
            ops.cast(getattr(self, f"{name}_{suffix}"), x.dtype)
            for suffix in ("kernel", "bias")
        )
        inputs, outputs = kernel.shape
        shape = inputs, self.groups, outputs // self.groups
        x = ops.reshape(x, (-1, self.groups, inputs))
        y = ops.einsum("bgi,igo->bgo", x, ops.reshape(kernel, shape))
        return ops.reshape(y, (-1, outputs)) + bias

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "radix": self.radix}
