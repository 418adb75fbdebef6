"""A constraint that keeps a few filters from dominating."""

from typing import Any

import keras
from keras import ops

from keras_attn import checks

# Zeros are divided by it, and stay zeros.
_TINY = 1e-30


@keras.saving.register_keras_serializable(package="keras_attn")
class FilterRMSConstraint(keras.constraints.Constraint):
    """Keeps the root mean square of each filter at a limit or below it.

    `w * min(1, limit / max(rms, tiny))`, with `rms = sqrt(mean(w**2))` over
    all axes of a kernel but the last one, for each filter by itself. Filters
    below the limit are not touched. For the kernels of `Conv2D`,
    `(height, width, channels, filters)`, and `Dense`, `(inputs, units)`, as
    `kernel_constraint`; those of transposed and depthwise convolutions have
    their filters elsewhere. Computed in float32 at least.

    Reference: Zeiler and Fergus, "Visualizing and Understanding Convolutional
    Networks", ECCV 2014 (https://arxiv.org/abs/1311.2901), section 3: it keeps
    a few filters of the first layer from dominating, where images are roughly
    in [-128, 128].

    Args:
        limit: Positive number, in units of the weights. Defaults to `0.1`,
            the paper's.

    Raises:
        ValueError: If `limit` is not a positive number, or if the weights have
            less than two axes.

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
                "`FilterRMSConstraint` needs a kernel, with its filters at the "
                f"last of two axes or more. Received: shape {tuple(w.shape)}"
            )
        # float16 squares neither 300 nor 1e-4.
        x = ops.cast(w, keras.backend.result_type(w.dtype, "float32"))
        rms = ops.sqrt(ops.mean(ops.square(x), axis=axes, keepdims=True))
        factor = ops.minimum(1.0, self.limit / ops.maximum(rms, _TINY))
        return ops.cast(x * factor, w.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "limit": self.limit}
