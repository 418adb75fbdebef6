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


def convolved(x, kernel, strides=1, dilation=1, groups=1):
    """Computes a convolution, padded so that a stride of 1 keeps the size."""
    size, _, inputs, filters = kernel.shape
    reach = size // 2 * dilation
    outputs = filters // groups
    padded = np.pad(x, [(0, 0), (reach,) * 2, (reach,) * 2, (0, 0)])
    height, width = x.shape[1:3]
    y = np.zeros((len(x), height, width, filters))
    for group in range(groups):
        taken = slice(group * inputs, (group + 1) * inputs)
        made = slice(group * outputs, (group + 1) * outputs)
        for i in range(size):
            rows = slice(i * dilation, i * dilation + height)
            for j in range(size):
                columns = slice(j * dilation, j * dilation + width)
                piece = padded[:, rows, columns, taken]
                y[..., made] += piece @ kernel[i, j, :, made]
    return y[:, ::strides, ::strides]


def mixed(maps, logits):
    """Computes the sum of maps, weighted by the softmax of logits."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    weights = powers / powers.sum(1, keepdims=True)
    return sum(u * weights[:, i, None, None] for i, u in enumerate(maps))


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
