"""What the equations of several layers are made of, in NumPy."""

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
    """Returns what a batch normalisation of the last axis gives."""
    gamma, beta, mean, variance = (
        weights[f"{prefix}/{name}"]
        for name in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta
