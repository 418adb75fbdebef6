"""The square root of a covariance, as networks are trained with it."""

from keras import ops

from keras_attn.backend.protocol import Tensor

# Added to each variance where these are summed up: the root of a covariance
# of 0 is 0, and not 0 / 0.
EPSILON = 1e-8


def matrix_sqrt(covariance: Tensor, iterations: int) -> Tensor:
    """Returns an approximate square root by coupled Newton-Schulz iterations.

    The covariance is divided by its trace `t`, so that they converge, and the
    result multiplied by `sqrt(t)`. With few iterations this is not the square
    root: that of 5 is a quarter off. Published weights are trained with their
    number of iterations, which is part of the model, and not of its accuracy.

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
    """Returns the mean of its rows, `(batch, dim)`.

    The mean of a product is that of its first factor, times the second: that
    saves the last product of matrices.
    """
    before, step, size = _last_step(covariance, iterations)
    mean = ops.mean(before, axis=1, keepdims=True)
    return ops.squeeze(ops.matmul(mean, step) * size, axis=1)


def _last_step(
    covariance: Tensor, iterations: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the two factors of the root, and what it is multiplied by."""
    # A tensor, where PyTorch traces.
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
