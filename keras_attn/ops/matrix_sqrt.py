"""The approximate square root of a covariance that networks train with."""

from keras import ops

from keras_attn.backend.protocol import Tensor

# Added to each variance in the trace, so that the root of a covariance of 0 is
# 0 instead of 0 / 0.
EPSILON = 1e-8


def matrix_sqrt(covariance: Tensor, iterations: int) -> Tensor:
    """Returns an approximate square root by coupled Newton-Schulz iterations.

    The covariance is divided by its trace `t` so that the iterations converge,
    and the result is multiplied by `sqrt(t)`. A few iterations do not reach the
    square root: after 5, the error is a quarter. The number of iterations is
    part of a trained model, since its weights fit this approximation.

    Args:
        covariance: Tensor `(batch, dim, dim)`, symmetric and positive
            semidefinite, float32 or wider.
        iterations: Positive integer.

    Returns:
        A tensor of the shape of the covariance.
    """
    before, step, size = _last_step(covariance, iterations)
    return ops.matmul(before, step) * size


def mean_of_matrix_sqrt(covariance: Tensor, iterations: int) -> Tensor:
    """Returns the mean of the rows of `matrix_sqrt`, `(batch, dim)`.

    Averages the first factor of the last matrix product before multiplying,
    which replaces the matrix product by a vector product.
    """
    before, step, size = _last_step(covariance, iterations)
    mean = ops.mean(before, axis=1, keepdims=True)
    return ops.squeeze(ops.matmul(mean, step) * size, axis=1)


def _last_step(
    covariance: Tensor, iterations: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the two factors of the root, and its scale."""
    # When PyTorch traces, this is a tensor.
    dim = int(covariance.shape[-1])
    identity = ops.eye(dim, dtype=covariance.dtype)
    trace = ops.sum(covariance * identity, axis=(1, 2), keepdims=True)
    trace = trace + dim * EPSILON
    root = covariance / trace
    step = 1.5 * identity - 0.5 * root
    inverse = None
    for _ in range(iterations - 1):
        root = ops.matmul(root, step)
        inverse = step if inverse is None else ops.matmul(step, inverse)
        step = 1.5 * identity - 0.5 * ops.matmul(inverse, root)
    return root, step, ops.sqrt(trace)
