"""Casts to float32, for values that float16 cannot hold, and back.

All layers that cast back follow one rule: a float32 result that does not fit
into float16 becomes the largest float16 number of its sign.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attn.backend.protocol import Tensor

LARGEST_FLOAT16 = float(np.finfo("float16").max)


def is_float(tensor: Tensor) -> bool:
    """Returns whether a tensor holds floats, of any width."""
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return keras.backend.is_float_dtype(dtype)


def widen(inputs: Tensor) -> Tensor:
    """Casts to float32, in which statistics neither overflow nor vanish.

    Casts integers too. A float64 tensor, which Keras supports on TensorFlow,
    stays as it is.
    """
    dtype = keras.backend.standardize_dtype(inputs.dtype)
    if dtype in ("float32", "float64"):
        return inputs
    return ops.cast(inputs, "float32")


def narrow(inputs: Tensor, dtype: Any) -> Tensor:
    """Casts back to a dtype and clips to the range of float16.

    In float16, numbers beyond 65504 become 65504, with a gradient of 0. NaN
    stays NaN. In bfloat16 nothing is clipped, since its range is that of
    float32.
    """
    if keras.backend.standardize_dtype(dtype) == "float16":
        inputs = ops.clip(inputs, -LARGEST_FLOAT16, LARGEST_FLOAT16)
    return ops.cast(inputs, dtype)


def as_floats(inputs: Tensor, dtype: Any) -> Tensor:
    """Casts integers to a dtype and leaves floats unchanged.

    Keras casts only floats, and PyTorch cannot multiply integers by floats.
    """
    return inputs if is_float(inputs) else ops.cast(inputs, dtype)
