"""Maps `(n, height, width)` between 0 and 1."""

from keras import ops

from keras_attn.backend.protocol import Tensor


def normalize(maps: Tensor, epsilon: float = 1e-7) -> Tensor:
    """Moves and scales each map to [0, 1]; one without contrast becomes 0.

    `(m - min m) / (max m - min m + epsilon)`
    """
    maps = maps - ops.min(maps, axis=(1, 2), keepdims=True)
    return maps / (ops.max(maps, axis=(1, 2), keepdims=True) + epsilon)
