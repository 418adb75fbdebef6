"""Covariance, centred and without a matrix of positions."""

from keras import ops

from keras_attn.backend.protocol import Tensor


def covariance(tokens: Tensor) -> Tensor:
    """Returns how the rows of each image vary together.

    `S = (X - m) (X - m)^T / positions`, where `m` is the mean over positions.
    The mean goes before the product: `X X^T / positions - m m^T` is equal on
    paper, and in float32 gives negative variances for a large mean. It costs
    `dim^2 * positions`, and no matrix of `positions^2`.

    Args:
        tokens: Tensor `(batch, dim, positions)`, float32 or wider.

    Returns:
        A tensor `(batch, dim, dim)`, not divided by `positions - 1`: a single
        position gives 0.
    """
    centred = tokens - ops.mean(tokens, axis=2, keepdims=True)
    products = ops.matmul(centred, ops.transpose(centred, (0, 2, 1)))
    return products / ops.cast(ops.shape(tokens)[2], tokens.dtype)
