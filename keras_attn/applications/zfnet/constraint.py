"""A constraint that prevents a few filters from dominating."""

from typing import Any

import keras
from keras import ops

from keras_attn import checks

# Avoids division by zero for filters that are zero.
_TINY = 1e-30


@keras.saving.register_keras_serializable(package="keras_attn")
class FilterRMSConstraint(keras.constraints.Constraint):
    """Limits the root mean square of each filter.

    `w * min(1, limit / max(rms, tiny))`, with `rms = sqrt(mean(w**2))` over
    all axes of a kernel but the last one, separately for each filter. Filters
    below the limit do not change.

    Use it as the `kernel_constraint` of `Conv2D`, whose kernel is
    `(height, width, channels, filters)`, or of `Dense`, whose kernel is
    `(inputs, units)`. Kernels of transposed and depthwise convolutions have
    their filters on other axes, and are not supported. The computation uses
    float32 or wider.

    Reference: Zeiler and Fergus, "Visualizing and Understanding Convolutional
    Networks", ECCV 2014 (https://arxiv.org/abs/1311.2901), section 3. There it
    prevents a few filters of the first layer from dominating, with images
    roughly in [-128, 128].

    Args:
        limit: Positive number, in units of the weights. Defaults to `0.1`, as
            in the paper.

    Raises:
        ValueError: If `limit` is not a positive number, or if the weights have
            fewer than two axes.

    Example:

    >>> constraint = keras_attn.applications.zfnet.FilterRMSConstraint(0.1)
    >>> w = constraint(np.array([[0.3, 0.05], [0.4, 0.05]], "float32"))
    >>> [[round(float(value), 4) for value in row] for row in w]
    [[0.0849, 0.05], [0.1131, 0.05]]
    """

    def __init__(self, limit: float = 0.1):
        self.limit = checks.number("limit", limit, above=0)

    def __call__(self, w: Any) -> Any:
        w = ops.convert_to_tensor(w)
        axes = tuple(range(len(w.shape) - 1))
        if not axes:
            raise ValueError(
                "The weights of `FilterRMSConstraint` must be a kernel with at "
                "least two axes, of which the last one is for the filters. "
                f"Received: shape {tuple(w.shape)}"
            )
        # In float16, the square of 300 overflows and that of 1e-4 underflows.
        x = ops.cast(w, keras.backend.result_type(w.dtype, "float32"))
        rms = ops.sqrt(ops.mean(ops.square(x), axis=axes, keepdims=True))
        factor = ops.minimum(1.0, self.limit / ops.maximum(rms, _TINY))
        return ops.cast(x * factor, w.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "limit": self.limit}
