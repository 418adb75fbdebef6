"""Shared parts of the layer equations, in NumPy."""

import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0.0)


def excitation(weights, *vectors):
    """Returns the logits of two linear layers, summed over vectors."""

    def linear(x, name):
        bias = weights.get(f"excitation/{name}_bias", 0.0)
        return x @ weights[f"excitation/{name}_kernel"] + bias

    return sum(linear(relu(linear(v, "reduce")), "expand") for v in vectors)


def normalized(weights, x, prefix="normalization", epsilon=1e-5):
    """Computes the batch normalisation of the last axis."""
    gamma, beta, mean, variance = (
        weights[f"{prefix}/{name}"]
        for name in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def covariance(x):
    """Computes covariances of the last axis, over all axes but the first."""
    flat = x.reshape(len(x), -1, x.shape[-1])
    return np.stack(
        [np.atleast_2d(np.cov(image.T, bias=True)) for image in flat]
    )


def root(s, iterations):
    """Computes the coupled iteration from `Y = S / trace(S)` and `Z = I`."""
    identity = np.eye(s.shape[-1])
    trace = np.trace(s, axis1=1, axis2=2)[:, None, None]
    trace = trace + 1e-8 * len(identity)
    y, z = s / trace, identity
    for _ in range(iterations):
        step = (3.0 * identity - z @ y) / 2.0
        y, z = y @ step, step @ z
    return y * np.sqrt(trace)


def projected(weights, x):
    """Computes a 1x1 convolution, with optional bias, and normalisation."""
    p = x @ weights["projection/kernel"]
    p = p + weights.get("projection/bias", 0.0)
    return normalized(weights, p, "projection/normalization")


def adaptive_pool(x, height, width):
    """Averages to a size. Windows overlap if it does not divide evenly."""
    y = np.zeros((len(x), height, width, x.shape[-1]))
    for i in range(height):
        rows = slice(
            i * x.shape[1] // height, -(-(i + 1) * x.shape[1] // height)
        )
        for j in range(width):
            columns = slice(
                j * x.shape[2] // width, -(-(j + 1) * x.shape[2] // width)
            )
            y[:, i, j] = x[:, rows, columns].mean((1, 2))
    return y
