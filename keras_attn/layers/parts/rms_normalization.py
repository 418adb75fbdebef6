from typing import Any

import keras
from keras import ops

from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.ops import precision


@keras.saving.register_keras_serializable(package="keras_attn")
class RMSNormalization(keras.layers.Layer):
    """Divides the last axis by its root mean square, with a trained scale.

    Computes `y = gamma x / sqrt(mean(x^2) + epsilon)` in float32 or wider.

    Reference: Zhang and Sennrich, "Root Mean Square Layer Normalization",
    NeurIPS 2019 (https://arxiv.org/abs/1910.07467).

    Args:
        epsilon: Number of at least 0. Defaults to `1e-6`.
        **kwargs: `keras.layers.Layer` arguments.

    Input shape: `(..., channels)`.
    Output shape: Same as input.
    """

    # The name in timm.
    torch_names = {"weight": ("gamma", "same")}

    def __init__(self, epsilon: float = 1e-6, **kwargs: Any):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape: Shape) -> None:
        self.gamma = self.add_weight(
            name="gamma",
            shape=(input_shape[-1],),
            initializer="ones",
            autocast=False,
        )

    def call(self, inputs: Tensor) -> Tensor:
        x = precision.widen(inputs)
        mean = ops.mean(ops.square(x), axis=-1, keepdims=True)
        y = x * ops.rsqrt(mean + self.epsilon) * ops.cast(self.gamma, x.dtype)
        return precision.narrow(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}
