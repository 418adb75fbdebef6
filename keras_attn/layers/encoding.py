from typing import Any, Unpack

import keras
from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments, FeatureMapLayer
from keras_attn.layers.parts.initializers import FanInUniform
from keras_attn.ops import encoding


@keras.saving.register_keras_serializable(package="keras_attn")
class Encoding(FeatureMapLayer):
    """Residual encoding: sums the differences to learned codewords.

    Computes `a[p, k] = softmax_k(s[k] * |x[p] - c[k]|^2)` and
    `e[k] = sum_p a[p, k] * (x[p] - c[k])` for positions `x[p]` and codewords
    `c[k]` with scales `s[k]`. Each position is distributed among the codewords,
    mostly to the nearest. This pooling keeps which features occur, but not
    where, and works for any height and width. The sum grows with the number of
    positions, so a normalisation should follow. `ContextEncoding` gates
    channels with it.

    Reference: Zhang et al., "Deep TEN: Texture Encoding Network", CVPR 2017
    (https://arxiv.org/abs/1612.02844), where the scale has the opposite sign.
    Here it has the sign of the published code, negative, so that the nearest
    codeword gets the largest weight. Scales are initialised uniformly in
    (-1, 0), and codewords within `+-1 / sqrt(num_codes * channels)`. As in the
    code, a scale may become positive in training. Computed in float32. Sums
    that float16 cannot hold become its largest number.

    Args:
        num_codes: Positive integer, the number of codewords. Defaults to
            `32`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: `(batch, num_codes, channels)`.

    Raises:
        ValueError: If `num_codes` is not a positive integer, or if the number
            of channels is unknown.

    Example:

    >>> layer = keras_attn.layers.Encoding(num_codes=4)
    >>> x = np.ones((2, 6, 6, 16), "float32")
    >>> tuple(layer(x).shape), tuple(layer.attention(x).shape)
    ((2, 4, 16), (2, 6, 6, 4))
    """

    torch_names = {
        "codewords": ("codewords", "same"),
        "scale": ("scales", "same"),
    }

    def __init__(
        self, num_codes: int = 32, **kwargs: Unpack[FeatureMapArguments]
    ):
        super().__init__(**kwargs)
        self.num_codes = checks.positive("num_codes", num_codes)

    def build(self, input_shape: Shape) -> None:
        channels = self.static_channels(input_shape)
        self.codewords = self.add_weight(
            name="codewords",
            shape=(self.num_codes, channels),
            initializer=FanInUniform(self.num_codes * channels),
            autocast=False,
        )
        # Plural, since `scale` is a method.
        self.scales = self.add_weight(
            name="scale",
            shape=(self.num_codes,),
            initializer=keras.initializers.RandomUniform(-1.0, 0.0),
            autocast=False,
        )
        axes = {self.channel_axis: channels}
        self.input_spec = keras.layers.InputSpec(ndim=4, axes=axes)

    def call(self, inputs: Tensor) -> Tensor:
        return self.narrow(self.encode(inputs))

    def attention(self, inputs: Tensor) -> Tensor:
        """Returns the weight of each codeword at each position.

        The weights are `(batch, height, width, num_codes)` in either data
        format, in float32, and sum to 1 over the codewords.
        """
        inputs = self.receive(inputs)
        shares = encoding.assignments(*self._operands(inputs))
        shape = ops.shape(inputs)
        size = (shape[axis] for axis in self.spatial_axes)
        shares = ops.transpose(shares, (0, 2, 1))
        return ops.reshape(shares, (-1, *size, self.num_codes))

    def encode(self, inputs: Tensor) -> Tensor:
        """Returns the same as `call`, in float32."""
        return encoding.encode(*self._operands(inputs))

    def _operands(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        tokens = self.to_tokens(self.widen(inputs))
        codewords = ops.cast(self.codewords, tokens.dtype)
        return tokens, codewords, ops.cast(self.scales, tokens.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape[0], self.num_codes, input_shape[self.channel_axis]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_codes": self.num_codes}
