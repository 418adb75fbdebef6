"""Kinds of GELU, the activation of transformers, that can be exported."""

import keras
from keras import ops

from keras_attn import backend
from keras_attn.backend.protocol import Tensor


@keras.saving.register_keras_serializable(package="keras_attn")
def gelu(x: Tensor) -> Tensor:
    """Applies GELU, `x / 2 (1 + erf(x / sqrt(2)))`.

    Keras' own GELU uses `erfc` on TensorFlow, which ONNX does not support.
    """
    return backend.gelu(x)


@keras.saving.register_keras_serializable(package="keras_attn")
def gelu_tanh(x: Tensor) -> Tensor:
    """Applies the tanh approximation of GELU.

    Computes `x / 2 (1 + tanh(sqrt(2 / pi) (x + c x^3)))` with `c = 0.044715`,
    the default of JAX's `gelu`.
    """
    return ops.gelu(x, approximate=True)


@keras.saving.register_keras_serializable(package="keras_attn")
def quick_gelu(x: Tensor) -> Tensor:
    """Applies the sigmoid approximation of GELU, `x sigmoid(1.702 x)`.

    OpenAI's CLIP was trained with it. It differs from GELU by up to 0.02.
    """
    return x * ops.sigmoid(1.702 * x)
