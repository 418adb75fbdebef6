from typing import Any, Unpack

from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments
from keras_attn.layers.parts.batch_normalization import (
    BatchNormalization,
    normalization_names,
)
from keras_attn.layers.parts.channel_attention import ChannelAttention
from keras_attn.layers.parts.initializers import FanInUniform
from keras_attn.layers.registry import attention_block


@attention_block("srm")
class SRM(ChannelAttention):
    """Style-based recalibration: gates a channel by its mean and deviation.

    `z = w[:, 0] * mean_hw(x) + w[:, 1] * std_hw(x)`,
    `y = x * sigmoid(batch_norm(z))`: each channel by itself, with four
    numbers. `std` is of the unbiased variance, plus `epsilon`. Training needs
    a batch of several images, as the normalisation is over these.

    Reference: Lee et al., "SRM: A Style-based Recalibration Module for
    Convolutional Neural Networks", ICCV 2019
    (https://arxiv.org/abs/1903.10829). `w` starts at 0 as in
    the official code, and with it the gate at 1/2; a common port draws it at
    random, and leaves `epsilon` out, with which a flat image has no gradient.
    One number a channel has a variance of 0 here, and of 0 / 0 there. The
    official recipe exempts these weights from weight decay. Statistics and
    gates are computed in float32.

    Args:
        epsilon: Float, above 0, added to the variance. Defaults to `1e-5`.
        zero_start: Whether `w` starts at 0; otherwise it is drawn at random.
            Defaults to `True`.
        identity_start: Whether the gate is `2 s` and starts at exactly 1, so
            that the layer can be put into a trained network. Defaults to
            `False`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: Same as input.

    Raises:
        ValueError: If `epsilon` is not above 0, if `identity_start` is asked
            for without `zero_start`, or if the number of channels is unknown.

    Example:

    >>> layer = keras_attn.layers.SRM()
    >>> x = np.ones((2, 6, 6, 16), "float32")
    >>> tuple(layer(x).shape), tuple(layer.attention(x).shape)
    ((2, 6, 6, 16), (2, 16))
    """

    torch_names = {
        "cfc.weight": ("kernel", "depthwise1d"),
        **normalization_names("bn"),
    }

    def __init__(
        self,
        epsilon: float = 1e-5,
        zero_start: bool = True,
        identity_start: bool = False,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(identity_start, **kwargs)
        if self.identity_start and not zero_start:
            raise ValueError(
                "`identity_start=True` needs `zero_start=True`. "
                f"Received: zero_start={zero_start!r}"
            )
        self.epsilon = checks.number(
            "epsilon",
            epsilon,
            above=0,
            fix="The square root of a variance of 0 has no gradient.",
        )
        self.zero_start = zero_start

    def build(self, input_shape: Shape) -> None:
        channels = self.static_channels(input_shape)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(channels, 2),
            initializer="zeros" if self.zero_start else FanInUniform(2),
            autocast=False,
        )
        # Its inputs are of the size of the image's, and stay in float32.
        self.normalization = BatchNormalization(
            axis=1,
            momentum=0.9,
            epsilon=1e-5,
            autocast=False,
            dtype=self.dtype_policy,
            name="normalization",
        )
        self.normalization.build((None, channels))

    def logits(self, inputs: Tensor, training: bool) -> Tensor:
        x = self.widen(inputs)
        kernel = ops.cast(self.kernel, x.dtype)
        height, width = (ops.shape(x)[axis] for axis in self.spatial_axes)
        count = ops.cast(height * width, x.dtype)
        mean = self.mean(x)
        # In two passes: the difference of two large means loses all digits.
        centred = x - ops.expand_dims(mean, self.spatial_axes)
        variance = ops.sum(ops.square(centred), axis=self.spatial_axes)
        variance = variance / ops.maximum(count - 1.0, 1.0)
        deviation = ops.sqrt(variance + self.epsilon)
        z = mean * kernel[:, 0] + deviation * kernel[:, 1]
        return self.normalization(z, training=training)

    def get_config(self) -> dict[str, Any]:
        config = {"epsilon": self.epsilon, "zero_start": self.zero_start}
        return {**super().get_config(), **config}
