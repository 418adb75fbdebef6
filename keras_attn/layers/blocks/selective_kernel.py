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

# The paper's `L`, the smallest number of hidden units.
_LEAST_HIDDEN = 32


@attention_block("selective_kernel", placement="replace")
class SelectiveKernel(PathAttention):
    """Selective kernel convolution: each channel chooses its kernel size.

    Computes `u[1]` and `u[2]` by two 3x3 convolutions, each with batch
    normalisation and ReLU. The second one has a dilation of 2 and covers 5x5
    positions. Then `z = mean_hw(u[1] + u[2])`, `s = W2 relu(BN(W1 z))`,
    `a = softmax_i(s)` and `y = a[1] * u[1] + a[2] * u[2]`, where `s` has one
    number per path `i` and output channel. Use it instead of a 3x3 convolution,
    its normalisation and its activation, where objects vary in size. It has
    about twice the parameters of that convolution.

    Reference: Li et al., "Selective Kernel Networks", CVPR 2019
    (https://arxiv.org/abs/1903.06586), equations 1 to 6, with two paths. The
    paper's networks have 32 groups. There and here, `z` has at least 32 hidden
    units. timm's networks differ in `hidden`, and some in `split`. As in the
    official networks, the kernels have He initialisation (fan-out). With a
    stride of 2, the dilated kernel only reads every second position. It is
    computed on these only, which yields the same sums. The mean and the weights
    are computed in float32.

    Args:
        filters: Positive integer, the number of output channels, or `None` for
            that of the input. Defaults to `None`.
        ratio: Positive integer, the reduction of `filters` to the hidden units
            (at least 32). Defaults to `16`.
        hidden: Positive integer, the number of hidden units, or `None` for the
            one that follows from `ratio`. Defaults to `None`.
        split: Whether the first path receives only the first half of the
            input channels, and the second path the other half. Defaults to
            `False`.
        strides: `1` or `2`, the stride of both convolutions. Defaults to `1`.
        groups: Positive integer, the number of groups of each convolution.
            Defaults to `1`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: Same as input, with `filters` channels and with height and
        width divided by `strides`, rounded up.

    Raises:
        ValueError: If an argument is not one of these values, or if the number
            of channels is unknown, is odd although `split=True`, or cannot be
            divided into the groups.

    Example:

    >>> layer = keras_attn.layers.SelectiveKernel(filters=8, strides=2)
    >>> x = np.ones((2, 6, 6, 16), "float32")
    >>> tuple(layer(x).shape), tuple(layer.attention(x).shape)
    ((2, 3, 3, 8), (2, 2, 8))
    """

    # The names in timm.
    torch_names: Names = {
        **{
            f"paths.{i}.conv.weight": (
                f"path{i + 1}.convolution.kernel",
                "conv",
            )
            for i in range(2)
        },
        **normalization_names("paths.0.bn", "path1.normalization"),
        **normalization_names("paths.1.bn", "path2.normalization"),
        "attn.fc_reduce.weight": ("reduce_kernel", "pointwise"),
        **normalization_names("attn.bn"),
        "attn.fc_select.weight": ("select_kernel", "pointwise"),
    }

    def __init__(
        self,
        filters: int | None = None,
        ratio: int = 16,
        hidden: int | None = None,
        split: bool = False,
        strides: int = 1,
        groups: int = 1,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(filters, hidden, strides, groups, **kwargs)
        if self.strides > 2:
            raise ValueError(
                f"`strides` must be 1 or 2. Received: strides={strides}. Use "
                "a pooling for larger steps."
            )
        self.ratio = checks.positive("ratio", ratio)
        self.split = split

    def build(self, input_shape: Shape) -> None:
        channels = self.static_channels(input_shape)
        filters = self.filters_of(channels)
        if self.split and channels % 2:
            raise ValueError(
                "`split` requires an even number of channels. "
                f"Received: split=True, input_shape={tuple(input_shape)}"
            )
        shape = list(input_shape)
        inside = channels // 2 if self.split else channels
        shape[self.channel_axis] = inside
        self.check_groups(self.groups, channels=inside, filters=filters)
        self.path1 = self._convolution("path1", filters, self.strides, 1)
        dilation = 2 // self.strides
        self.path2 = self._convolution("path2", filters, 1, dilation)
        for path in (self.path1, self.path2):
            path.build(shape)
        hidden = self.hidden or max(filters // self.ratio, _LEAST_HIDDEN)
        add_linear(self, "reduce", filters, hidden, use_bias=False)
        self.add_normalization(hidden)
        add_linear(self, "select", hidden, 2 * filters, use_bias=False)
        axes = {self.channel_axis: channels}
        self.input_spec = keras.layers.InputSpec(ndim=4, axes=axes)

    def _convolution(
        self, name: str, filters: int, strides: int, dilation: int
    ) -> Conv2DNormActivation:
        return Conv2DNormActivation(
            filters,
            3,
            strides,
            padding=dilation,
            use_bias=False,
            kernel_initializer=FanOutNormal(),
            data_format=self.data_format,
            groups=self.groups,
            dilation_rate=dilation,
            dtype=self.dtype_policy,
            name=name,
        )

    def paths(self, inputs: Tensor, training: bool) -> list[Tensor]:
        first, second = inputs, inputs
        if self.split:
            first, second = ops.split(inputs, 2, axis=self.channel_axis)
        if self.strides == 2:
            second = self._every_second(second)
        return [
            self.path1(first, training=training),
            self.path2(second, training=training),
        ]

    def _every_second(self, inputs: Tensor) -> Tensor:
        """Takes every second row and column."""
        step = slice(None, None, 2)
        if self.data_format == "channels_first":
            return inputs[:, :, step, step]
        return inputs[:, step, step]

    def weights_of(self, z: Tensor, training: bool) -> Tensor:
        z = linear(self, "reduce", z)
        z = ops.relu(self.normalization(z, training=training))
        s = linear(self, "select", z)
        return ops.softmax(ops.reshape(s, (-1, 2, s.shape[1] // 2)), axis=1)

    def get_config(self) -> dict[str, Any]:
        config = {"ratio": self.ratio, "split": self.split}
        return {**super().get_config(), **config}
