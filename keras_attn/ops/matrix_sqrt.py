"""The square root of a covariance, as networks are trained with it."""

from keras import ops

# Added to each variance where these are summed up: the root of a covariance
# of 0 is 0, and not 0 / 0.
EPSILON = 1e-8


def matrix_sqrt(covariance, iterations):
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
    # A tensor, where PyTorch traces.
    dim = int(covariance.shape[-1])
    identity = ops.eye(dim, dtype=covariance.dtype)
    trace = ops.sum(covariance * identity, axis=(1, 2), keepdims=True)
    trace = trace + dim * EPSILON
    root = covariance / trace
    step = 1.5 * identity - 0.5 * root
    root, inverse = ops.matmul(root, step), step
    for i in range(iterations - 1):
        if i > 0:  # Here, as nobody needs that of the last step.
            inverse = ops.matmul(step, inverse)
        step = 1.5 * identity - 0.5 * ops.matmul(inverse, root)
        root = ops.matmul(root, step)
    return root * ops.sqrt(trace)
