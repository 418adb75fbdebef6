from collections.abc import Sequence
from typing import Any

import keras

from keras_attn import backend
from keras_attn.backend.protocol import Function, Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_attn")
class ResidualAdd(keras.layers.Layer):
    """Computes the end of a residual block, `y = act(shortcut + branch)`.

    As one layer, it does not have to keep the sum, which is not used elsewhere.

    Args:
        activation: Name of a Keras activation, a callable, or `None`.
            Defaults to `"relu"`.
        **kwargs: `keras.layers.Layer` arguments.

    Input shape: A list of two tensors of the same shape.
    Output shape: Same as each input.
    """

    def __init__(
        self, activation: str | Function | None = "relu", **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        shortcut, branch = inputs
        if self.activation is keras.activations.relu:
            return backend.rectify(shortcut + branch)
        return self.activation(shortcut + branch)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        return tuple(input_shape[0])

    def get_config(self) -> dict[str, Any]:
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "activation": activation}
