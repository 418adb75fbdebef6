from typing import Any, Unpack

import keras
from keras import ops

from keras_attn import backend, checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments, FeatureMapLayer, Names
from keras_attn.layers.encoding import Encoding
from keras_attn.layers.parts.batch_normalization import (
    BatchNormalization,
    normalization_names,
)
from keras_attn.layers.parts.conv2d_norm_activation import Conv2DNormActivation
from keras_attn.layers.parts.linear import add_linear, linear
from keras_attn.layers.registry import attention_block


@attention_block("context_encoding")
class ContextEncoding(FeatureMapLayer):
    """Context encoding: gates each channel by the content of the whole scene.

    Computes `E = Encoding(relu(BN(conv1x1(x))))`,
    `v = mean_k(relu(BN(E[k])))`, `s = sigmoid(W v + b)` and
    `y = relu(x + x * s)`. The second normalisation is over the codewords.
    `num_classes` adds a second output, the logits `U v + u` of the classes
    that are present anywhere in the image. Train them with binary
    cross-entropy, in addition to the loss of the positions, so that `v` learns
    the scene (the published training uses a weight of 0.2). Use the block in
    the head of a semantic segmentation network.

    Reference: Zhang et al., "Context Encoding for Semantic Segmentation",
    CVPR 2018 (https://arxiv.org/abs/1803.08904), as in the published code.
    Unlike the paper, the code takes the mean over the codewords instead of the
    sum, and `relu(x + x * s)` instead of `x * s`. All but the last product is
    computed in float32, since distances to codewords overflow float16.

    Args:
        num_codes: Positive integer, the number of codewords. Defaults to
            `32`.
        num_classes: Positive integer, the number of logits, or `None` for no
            second output. Defaults to `None`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: Same as input. With `num_classes`, a list of this shape and
        `(batch, num_classes)`.

    Raises:
        ValueError: If `num_codes` is not a positive integer, if `num_classes`
            is neither a positive integer nor `None`, or if the number of
            channels is unknown.

    Example:

    >>> layer = keras_attn.layers.ContextEncoding(num_codes=4, num_classes=3)
    >>> x = np.ones((2, 6, 6, 16), "float32")
    >>> y, logits = layer(x)
    >>> tuple(y.shape), tuple(logits.shape), tuple(layer.attention(x).shape)
    ((2, 6, 6, 16), (2, 3), (2, 16))
    """

    def __init__(
        self,
        num_codes: int = 32,
        num_classes: int | None = None,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(**kwargs)
        self.num_codes = checks.positive("num_codes", num_codes)
        self.num_classes = checks.positive(
            "num_classes", num_classes, optional=True
        )

    def build(self, input_shape: Shape) -> None:
        channels = self.static_channels(input_shape)
        # Half precision would round the features before their distances, and
        # the sums over positions before the second normalisation.
        wide = keras.backend.result_type(self.compute_dtype, "float32")
        self.projection = Conv2DNormActivation(
            channels,
            1,
            use_bias=False,
            data_format=self.data_format,
            dtype=wide,
            name="projection",
        )
        self.projection.build(input_shape)
        self.encoding = Encoding(
            self.num_codes,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name="encoding",
        )
        self.encoding.build(input_shape)
        self.normalization = BatchNormalization(
            axis=1,
            momentum=0.9,
            epsilon=1e-5,
            dtype=wide,
            name="code_normalization",
        )
        self.normalization.build((None, self.num_codes, channels))
        add_linear(self, "gate", channels, channels)
        if self.num_classes is not None:
            add_linear(self, "presence", channels, self.num_classes)
        axes = {self.channel_axis: channels}
        self.input_spec = keras.layers.InputSpec(ndim=4, axes=axes)

    def call(
        self, inputs: Tensor, training: bool = False
    ) -> Tensor | list[Tensor]:
        context = self._context(inputs, training)
        # `x + x * s` as one product.
        y = self.scale(inputs, 1.0 + self._gates(context))
        y = backend.rectify(y)
        if self.num_classes is None:
            return y
        logits = linear(self, "presence", context)
        return [y, self.narrow(logits)]

    def attention(self, inputs: Tensor) -> Tensor:
        """Returns the gates `s` in inference, `(batch, channels)`."""
        return self._gates(self._context(self.receive(inputs), training=False))

    def _context(self, inputs: Tensor, training: bool) -> Tensor:
        """Returns `v`, `(batch, channels)`, in float32."""
        features = self.projection(self.widen(inputs), training=training)
        codes = self.encoding.encode(features)
        codes = self.normalization(codes, training=training)
        return ops.mean(backend.rectify(codes), axis=1)

    def _gates(self, context: Tensor) -> Tensor:
        return ops.sigmoid(linear(self, "gate", context))

    def compute_output_shape(self, input_shape: Shape) -> Any:
        shape = super().compute_output_shape(input_shape)
        if self.num_classes is None:
            return shape
        return [shape, (shape[0], self.num_classes)]

    @property
    def torch_names(self) -> tuple[Names, ...]:
        short = ("conv", "bn1", "encoding_", "bn2", "fc")
        published = (
            "encoding.0",
            "encoding.1",
            "encoding.3.",
            "encoding.4",
            "fc.0",
        )
        return _names(*short), _names(*published)

    def get_config(self) -> dict[str, Any]:
        config = {"num_codes": self.num_codes, "num_classes": self.num_classes}
        return {**super().get_config(), **config}


def _names(
    convolution: str, first: str, encoding: str, second: str, gate: str
) -> Names:
    """Returns the names in PyTorch, given their prefixes."""
    names = {
        f"{convolution}.weight": ("projection.convolution.kernel", "conv"),
        f"{encoding}codewords": ("encoding.codewords", "same"),
        f"{encoding}scale": ("encoding.scales", "same"),
        # Ignored without classes, since the layer then lacks these weights.
        "selayer.weight": ("presence_kernel", "linear"),
        "selayer.bias": ("presence_bias", "same"),
        f"{gate}.weight": ("gate_kernel", "linear"),
        f"{gate}.bias": ("gate_bias", "same"),
    }
    return {
        **names,
        **normalization_names(first, "projection.normalization"),
        **normalization_names(second),
    }
