"""Covariances of channels and their roots, as the published codes do it."""

import torch


def covariance(x):
    """Centres by a matrix of all positions, as the published codes do."""
    tokens = x.flatten(2)
    n = tokens.shape[2]
    centring = torch.eye(n) / n - torch.ones(n, n) / n**2
    return tokens @ centring.expand(len(x), n, n) @ tokens.transpose(1, 2)


def matrix_sqrt(s, iterations=5):
    """Runs the coupled Newton-Schulz iteration."""
    identity = torch.eye(s.shape[1]).expand_as(s)
    trace = (s * identity).sum((1, 2), keepdim=True)
    s = s / trace
    step = 0.5 * (3.0 * identity - s)
    y, z = s @ step, step
    for _ in range(iterations - 2):
        step = 0.5 * (3.0 * identity - z @ y)
        y, z = y @ step, step @ z
    return 0.5 * y @ (3.0 * identity - z @ y) * trace.sqrt()
