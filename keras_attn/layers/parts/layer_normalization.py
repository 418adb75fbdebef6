from typing import Any

import keras

from keras_attn import backend
from keras_attn.backend.protocol import Tensor
from keras_attn.ops import precision


@keras.saving.register_keras_serializable(package="keras_attn")
class LayerNormalization(keras.layers.LayerNormalization):
    """Normalises each token: `keras.layers.LayerNormalization` of one axis.

    `y = gamma (x - mean) / sqrt(variance + epsilon) + beta` over the last axis,
    in float32 at least. Arguments, weights and results are those of the Keras
    layer, which PyTorch's ONNX exporter refuses.

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
        # Of Keras' layer it becomes a list when that is built.
        return {**super().get_config(), "axis": -1}
