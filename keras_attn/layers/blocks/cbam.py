from typing import Any, Unpack

from keras import ops

from keras_attn import backend, checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments, FeatureMapLayer, Names
from keras_attn.layers.parts.batch_normalization import (
    BatchNormalization,
    normalization_names,
)
from keras_attn.layers.parts.excitation import Excitation
from keras_attn.layers.parts.initializers import FanInUniform
from keras_attn.layers.registry import attention_block


@attention_block("cbam")
class CBAM(FeatureMapLayer):
    """Convolutional block attention module: gates channels, then positions.

    Computes `s = sigmoid(m(mean_hw(x)) + m(max_hw(x)))`, `u = x * s`,
    `t = sigmoid(batch_norm(conv([max_c(u), mean_c(u)])))` and `y = u * t`. The
    gates `s` of the channels use two linear layers,
    `m(z) = W2 relu(W1 z + b1) + b2`, and `t` gates the positions.

    Reference: Woo et al., "CBAM: Convolutional Block Attention Module", ECCV
    2018 (https://arxiv.org/abs/1807.06521), equations 1 to 3. As in the
    official code, but unlike in the paper, the maximum comes before the mean,
    and the convolution has no bias and is followed by a batch normalisation.
    Its scale starts at 0, so that the spatial gate starts at 1/2. timm's blocks
    have no `b1` and `b2`, and the mean comes first. `W2` is applied once, to
    the sum over both vectors. Poolings and gates are computed in float32.

    Args:
        ratio: Positive integer, the reduction of channels in `m` (to at least
            1). Defaults to `16`.
        kernel_size: Odd positive integer. Defaults to `7`.
        use_bias: Whether to use `b1` and `b2`. Defaults to `True`.
        mean_first: Whether the mean is the first input of the convolution.
            Defaults to `False`.
        identity_start: Whether the gates are `2 s` and `2 t`, initially exactly
            1, so that the layer can be added to a trained network without
            changing it. Defaults to `False`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: Same as input.

    Raises:
        ValueError: If `ratio` is not a positive integer, if `kernel_size` is
            not an odd positive integer, or if the number of channels is
            unknown.

    Example:

    >>> layer = keras_attn.layers.CBAM(ratio=4)
    >>> x = np.ones((2, 6, 6, 16), "float32")
    >>> gates = layer.attention(x)
    >>> tuple(gates["channel"].shape), tuple(gates["spatial"].shape)
    ((2, 16), (2, 6, 6, 1))
    """

    def __init__(
        self,
        ratio: int = 16,
        kernel_size: int = 7,
        use_bias: bool = True,
        mean_first: bool = False,
        identity_start: bool = False,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(**kwargs)
        self.ratio = checks.positive("ratio", ratio)
        self.kernel_size = checks.positive("kernel_size", kernel_size)
        if kernel_size % 2 == 0:
            raise ValueError(
                "`kernel_size` must be odd, so that the kernel has a centre. "
                f"Received: kernel_size={kernel_size}"
            )
        self.use_bias = use_bias
        self.mean_first = mean_first
        self.identity_start = identity_start

    def build(self, input_shape: Shape) -> None:
        channels = self.static_channels(input_shape)
        self.excitation = Excitation(
            max(1, channels // self.ratio),
            self.use_bias,
            zero_start=self.identity_start,
            dtype=self.dtype_policy,
            name="excitation",
        )
        self.excitation.build((None, channels))
        size = self.kernel_size
        self.kernel = self.add_weight(
            name="kernel",
            shape=(size, size, 2, 1),
            initializer=FanInUniform(2 * size**2),
            autocast=False,
        )
        self.normalization = BatchNormalization(
            momentum=0.99,
            epsilon=1e-5,
            gamma_initializer="zeros",
            autocast=False,
            dtype=self.dtype_policy,
            name="normalization",
        )
        self.normalization.build((None, None, None, 1))

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        scaled, _, spatial = self._gate(inputs, training)
        if self.data_format == "channels_first":
            spatial = ops.transpose(spatial, (0, 3, 1, 2))
        return self.narrow(self.widen(scaled) * spatial)

    def attention(self, inputs: Tensor) -> dict[str, Tensor]:
        """Returns both gates in inference.

        `"channel"` is `(batch, channels)`, and `"spatial"` is
        `(batch, height, width, 1)` in either data format.
        """
        _, channel, spatial = self._gate(self.receive(inputs), training=False)
        return {"channel": channel, "spatial": spatial}

    def _gate(
        self, inputs: Tensor, training: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the input gated by channel, and the two gates."""
        # In float32, since the gradient counts how many values are maximal.
        wide = self.widen(inputs)
        highest = backend.largest(wide, self.spatial_axes)
        channel = self._sigmoid(
            self.excitation.excite(self.mean(inputs), highest)
        )
        scaled = self.scale(inputs, channel)
        wide = self.widen(scaled)
        planes = [
            backend.largest(wide, (self.channel_axis,)),
            backend.mean(wide, (self.channel_axis,)),
        ]
        # Two channels, last in either format.
        planes = ops.stack(planes[:: -1 if self.mean_first else 1], axis=-1)
        kernel = ops.cast(self.kernel, planes.dtype)
        planes = backend.convolve(
            planes, kernel, None, (1, 1), "same", (1, 1), "channels_last"
        )
        planes = self.normalization(planes, training=training)
        return scaled, channel, self._sigmoid(planes)

    def _sigmoid(self, logits: Tensor) -> Tensor:
        gates = ops.sigmoid(logits)
        return 2.0 * gates if self.identity_start else gates

    @property
    def torch_names(self) -> tuple[Names, ...]:
        names = self.excitation.names
        return (
            {
                **names("mlp.0", "mlp.2", "linear"),
                "conv.weight": ("kernel", "conv"),
                **normalization_names("bn"),
            },
            {
                **names("ChannelGate.mlp.1", "ChannelGate.mlp.3", "linear"),
                "SpatialGate.spatial.conv.weight": ("kernel", "conv"),
                **normalization_names("SpatialGate.spatial.bn"),
            },
            {
                **names("channel.fc1", "channel.fc2", "pointwise"),  # timm
                "spatial.conv.conv.weight": ("kernel", "conv"),
                **normalization_names("spatial.conv.bn"),
            },
        )

    def get_config(self) -> dict[str, Any]:
        config = {
            "ratio": self.ratio,
            "kernel_size": self.kernel_size,
            "use_bias": self.use_bias,
            "mean_first": self.mean_first,
            "identity_start": self.identity_start,
        }
        return {**super().get_config(), **config}
