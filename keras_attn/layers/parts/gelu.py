"""The activation of transformers, in a form that can be exported."""

import keras
from keras import ops

from keras_attn import backend
from keras_attn.backend.protocol import Tensor


@keras.saving.register_keras_serializable(package="keras_attn")
def gelu(x: Tensor) -> Tensor:
    """GELU, `x / 2 (1 + erf(x / sqrt(2)))`.

    Keras' own takes `erfc` on TensorFlow, which ONNX does not know.
    """
    return backend.gelu(x)


@keras.saving.register_keras_serializable(package="keras_attn")
def gelu_tanh(x: Tensor) -> Tensor:
    """GELU by its approximation, `x / 2 (1 + tanh(sqrt(2 / pi) (x + c x^3)))`.

    With `c = 0.044715`, as JAX's `gelu` has it by default.
    """
    return ops.gelu(x, approximate=True)
