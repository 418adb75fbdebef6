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
    """Style-based recalibration: gates each channel by its mean and deviation.

    Computes `z = w[:, 0] * mean_hw(x) + w[:, 1] * std_hw(x)` and
    `y = x * sigmoid(batch_norm(z))`. Each channel is gated independently, with
    four weights. `std` is the root of the unbiased variance plus `epsilon`.
    Training requires batches of several images, since the normalisation is
    over the batch.

    Reference: Lee et al., "SRM: A Style-based Recalibration Module for
    Convolutional Neural Networks", ICCV 2019
    (https://arxiv.org/abs/1903.10829). As in the official code, `w` starts at
    0, so the gate starts at 1/2. A common port initialises `w` randomly and
    omits `epsilon`, so that the gradient of a flat image is undefined. A
    channel with a single value has a variance of 0 here, and of 0 / 0 there.
    The official recipe exempts these weights from weight decay. Statistics and
    gates are computed in float32.

    Args:
        epsilon: Float, above 0, added to the variance. Defaults to `1e-5`.
        zero_start: Whether `w` starts at 0 instead of random values. Defaults
            to `True`.
        identity_start: Whether the gate is `2 s`, initially exactly 1, so that
            the layer can be added to a trained network without changing it.
            Defaults to `False`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: Same as input.

    Raises:
        ValueError: If `epsilon` is not above 0, if `identity_start` is used
            without `zero_start`, or if the number of channels is unknown.

    Example:

    >>> layer = keras_attn.layers.SRM()
    >>> x = np.ones((2, 6, 6, 16), "float32")
    >>> tuple(layer(x).shape), tuple(layer.attention(x).shape)
    ((2, 6, 6, 16), (2, 16))
    """

    torch_names = (
        {
            "cfc.weight": ("kernel", "depthwise1d"),
            **normalization_names("bn"),
        },
        # The official code.
        {"cfc": ("kernel", "same"), **normalization_names("bn")},
    )

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
                "`zero_start` must be True if `identity_start=True`. "
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
        # Its inputs are as large as those of the layer, so they stay float32.
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
        # In two passes, since the difference of two large means loses digits.
        centred = x - ops.expand_dims(mean, self.spatial_axes)
        variance = ops.sum(ops.square(centred), axis=self.spatial_axes)
        variance = variance / ops.maximum(count - 1.0, 1.0)
        deviation = ops.sqrt(variance + self.epsilon)
        z = mean * kernel[:, 0] + deviation * kernel[:, 1]
        return self.normalization(z, training=training)

    def get_config(self) -> dict[str, Any]:
        config = {"epsilon": self.epsilon, "zero_start": self.zero_start}
        return {**super().get_config(), **config}
