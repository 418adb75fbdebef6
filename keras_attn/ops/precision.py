"""Into float32 for what float16 cannot hold, and back.

The rule of every layer that does both: a result in float32 that does not fit
into float16 becomes the largest number of its sign that does.
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

    Integers too. Wider stays as it is where Keras computes so, which is on
    TensorFlow.
    """
    dtype = keras.backend.standardize_dtype(inputs.dtype)
    if dtype in ("float32", "float64"):
        return inputs
    return ops.cast(inputs, "float32")


def narrow(inputs: Tensor, dtype: Any) -> Tensor:
    """Casts back to a dtype. In float16, numbers beyond 65504 become 65504.

    Of those the gradient is 0, as of any constant; NaN stays NaN. In bfloat16
    nothing is cut off: its range is that of float32.
    """
    if keras.backend.standardize_dtype(dtype) == "float16":
        inputs = ops.clip(inputs, -LARGEST_FLOAT16, LARGEST_FLOAT16)
    return ops.cast(inputs, dtype)


def as_floats(inputs: Tensor, dtype: Any) -> Tensor:
    """Casts integers to a dtype, and leaves floats as they are.

    Keras casts floats only; PyTorch multiplies no integers by floats.
    """
    return inputs if is_float(inputs) else ops.cast(inputs, dtype)
