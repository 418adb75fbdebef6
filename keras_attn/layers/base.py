from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

import keras
from keras import ops

from keras_attn import backend, checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.ops import precision

# Maps names of weights in PyTorch to attributes and layouts, or to `None` if
# Keras does not need them.
Names = Mapping[str, tuple[str, str] | None]


class LayerArguments(TypedDict, total=False):
    """The arguments of `keras.layers.Layer`."""

    activity_regularizer: Any
    trainable: bool
    dtype: Any
    autocast: bool
    name: str | None


class FeatureMapArguments(LayerArguments, total=False):
    """The arguments of all feature map layers."""

    data_format: str | None


class FeatureMapLayer(keras.layers.Layer):
    """Abstract base of layers that map a 4D feature map to one of its shape.

    Everything that depends on `data_format` is in this class. Subclasses never
    contain the number of an axis, and their weights do not depend on the
    format, so that one checkpoint serves both. Subclasses are final.
    """

    def __init__(
        self, data_format: str | None = None, **kwargs: Unpack[LayerArguments]
    ):
        super().__init__(**kwargs)
        if data_format is None:
            data_format = keras.config.image_data_format()
        self.data_format = checks.one_of(
            "data_format", data_format, ("channels_first", "channels_last")
        )
        first = data_format == "channels_first"
        self.channel_axis = 1 if first else 3
        self.spatial_axes = (2, 3) if first else (1, 2)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def static_channels(self, input_shape: Shape) -> int:
        """Returns the number of channels, or raises if it is unknown."""
        channels = input_shape[self.channel_axis]
        if channels is None:
            raise ValueError(
                f"`{type(self).__name__}` requires a static number of channels "
                f"(axis {self.channel_axis} with {self.data_format!r}). "
                f"Received: input_shape={tuple(input_shape)}"
            )
        return channels

    def receive(self, inputs: Tensor) -> Tensor:
        """Does what Keras does before `call`, for other methods.

        Casts the inputs to the compute dtype and builds the layer if needed.
        """
        inputs = ops.convert_to_tensor(inputs, self.compute_dtype)
        if not self.built:
            self.build(inputs.shape)
        return inputs

    def widen(self, inputs: Tensor) -> Tensor:
        """Casts to float32, in which statistics neither overflow nor vanish."""
        return precision.widen(inputs)

    def narrow(self, inputs: Tensor) -> Tensor:
        """Casts to the compute dtype, without producing infinities."""
        return precision.narrow(inputs, self.compute_dtype)

    def mean(self, inputs: Tensor) -> Tensor:
        """Returns the mean of each channel, `(batch, channels)`, widened."""
        return backend.mean(self.widen(inputs), self.spatial_axes)

    def scale(self, inputs: Tensor, gates: Tensor) -> Tensor:
        """Multiplies each channel by its gate, of shape `(batch, channels)`.

        Computed in float32, since the gate's gradient sums over all positions.
        """
        gates = ops.expand_dims(gates, self.spatial_axes)
        return self.narrow(self.widen(inputs) * gates)

    def to_tokens(self, inputs: Tensor) -> Tensor:
        """Returns the positions as `(batch, channels, height * width)`."""
        shape = ops.shape(inputs)
        channels = shape[self.channel_axis]
        height, width = (shape[axis] for axis in self.spatial_axes)
        if self.data_format == "channels_first":
            return ops.reshape(inputs, (-1, channels, height * width))
        tokens = ops.reshape(inputs, (-1, height * width, channels))
        return ops.transpose(tokens, (0, 2, 1))

    def from_tokens(
        self, tokens: Tensor, height: int | Tensor, width: int | Tensor
    ) -> Tensor:
        """Reshapes `(batch, channels, height * width)` to a feature map."""
        channels = tokens.shape[1]
        if self.data_format == "channels_first":
            return ops.reshape(tokens, (-1, channels, height, width))
        tokens = ops.transpose(tokens, (0, 2, 1))
        return ops.reshape(tokens, (-1, height, width, channels))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}
