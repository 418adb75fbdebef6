from typing import Any

import keras

from keras_attn import backend
from keras_attn.backend.protocol import Tensor
from keras_attn.ops import precision


@keras.saving.register_keras_serializable(package="keras_attn")
class LayerNormalization(keras.layers.LayerNormalization):
    """Layer normalisation of the last axis, which can be exported.

    Computes `y = gamma (x - mean) / sqrt(variance + epsilon) + beta` in float32
    or wider. Arguments, weights and results are those of
    `keras.layers.LayerNormalization`, which PyTorch's ONNX exporter cannot
    export.

    Args:
        epsilon: Positive number. Defaults to `1e-6`.
        **kwargs: `keras.layers.Layer` arguments.
    """

    def __init__(self, epsilon: float = 1e-6, **kwargs: Any):
        super().__init__(epsilon=epsilon, **kwargs)

    def call(self, inputs: Tensor) -> Tensor:
        x = precision.widen(inputs)
        y = backend.normalize_last(x, self.gamma, self.beta, self.epsilon)
        return precision.narrow(y, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        # In Keras' layer, building turns the axis into a list.
        return {**super().get_config(), "axis": -1}
