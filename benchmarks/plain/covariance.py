"""Channel covariances and their square roots, as in the published code."""

import torch


def covariance(x):
    """Centres with a matrix over positions, as the published code does."""
    tokens = x.flatten(2)
    n = tokens.shape[2]
    centring = torch.eye(n) / n - torch.ones(n, n) / n**2
    return tokens @ centring.expand(len(x), n, n) @ tokens.transpose(1, 2)


def matrix_sqrt(s, iterations=5):
    """Returns the square root by coupled Newton-Schulz iterations."""
    identity = torch.eye(s.shape[1]).expand_as(s)
    trace = (s * identity).sum((1, 2), keepdim=True)
    s = s / trace
    step = 0.5 * (3.0 * identity - s)
    y, z = s @ step, step
    for _ in range(iterations - 2):
        step = 0.5 * (3.0 * identity - z @ y)
        y, z = y @ step, step @ z
    return 0.5 * y @ (3.0 * identity - z @ y) * trace.sqrt()
