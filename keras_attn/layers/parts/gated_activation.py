from typing import Any

import keras
from keras import ops

from keras_attn.backend.protocol import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_attn")
class GatedActivation(keras.layers.Layer):
    """Multiplies one half of the channels by the activation of the other.

    Computes `y = f(a) * b`, where `a` is the first half of the last axis, and
    `b` the second. After a linear layer and with SiLU as `f`, this is SwiGLU.

    Reference: Shazeer, "GLU Variants Improve Transformer", 2020
    (https://arxiv.org/abs/2002.05202).

    Args:
        activation: The activation `f`, a name or a function.
        **kwargs: `keras.layers.Layer` arguments.

    Input shape: `(..., 2 * channels)`.
    Output shape: `(..., channels)`.
    """

    def __init__(self, activation: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)

    def call(self, inputs: Tensor) -> Tensor:
        a, b = ops.split(inputs, 2, axis=-1)
        return self.activation(a) * b

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        channels = input_shape[-1]
        return (*input_shape[:-1], None if channels is None else channels // 2)

    def get_config(self) -> dict[str, Any]:
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "activation": activation}
