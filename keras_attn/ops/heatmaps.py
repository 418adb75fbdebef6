"""Heatmaps `(n, height, width)` with values between 0 and 1."""

import numpy as np
from keras import ops

from keras_attn.backend.protocol import Tensor


def normalize(maps: Tensor, epsilon: float = 1e-7) -> Tensor:
    """Rescales each map to [0, 1]; a map without contrast becomes 0.

    Computes `(m - min m) / (max m - min m + epsilon)` for each map `m`.
    """
    maps = maps - ops.min(maps, axis=(1, 2), keepdims=True)
    return maps / (ops.max(maps, axis=(1, 2), keepdims=True) + epsilon)


def check_values(
    what: str,
    values: np.ndarray,
    top: float = 1,
    *,
    fix: str,
    dtype: str | None = None,
) -> np.ndarray:
    """Returns an array as `dtype` if it holds real numbers from 0 to `top`.

    Raises:
        ValueError: If it holds other values. The message begins with `what`.
    """
    if not np.can_cast(values.dtype, "float64", "same_kind"):
        raise ValueError(
            f"{what} must hold real numbers. Received: dtype={values.dtype}"
        )
    values = values.astype(dtype or values.dtype)
    # With NaN in the array, both are NaN and the comparisons are false.
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= top):
        raise ValueError(
            f"{what} must be in [0, {top}], without NaN. Received: values from "
            f"{low} to {high}. {fix}"
        )
    return values
