"""The covariance of channels."""

from keras import ops

from keras_attn.backend.protocol import Tensor


def covariance(tokens: Tensor) -> Tensor:
    """Returns the covariance of the rows of each image.

    Computes `S = (X - m) (X - m)^T / positions`, where `m` is the mean over
    positions. The mean is subtracted before the product. The form
    `X X^T / positions - m m^T` is equal in exact arithmetic, but in float32 it
    yields negative variances for a large mean. The cost is
    `dim^2 * positions`, without a matrix of size `positions^2`.

    Args:
        tokens: Tensor `(batch, dim, positions)`, float32 or wider.

    Returns:
        A tensor `(batch, dim, dim)`. Since the divisor is not `positions - 1`,
        a single position yields 0.
    """
    centred = tokens - ops.mean(tokens, axis=2, keepdims=True)
    products = ops.matmul(centred, ops.transpose(centred, (0, 2, 1)))
    return products / ops.cast(ops.shape(tokens)[2], tokens.dtype)
