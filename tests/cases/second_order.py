"""Attention by second-order statistics: covariances and products."""

import numpy as np

from keras_attn.layers.blocks.bilinear_attention import BilinearAttention
from keras_attn.layers.blocks.gsop import GSoP
from keras_attn.layers.blocks.soca import SOCA
from keras_attn.layers.covariance_pooling import CovariancePooling
from tests.cases.equations import excitation, normalized, relu, sigmoid
from tests.contracts import LayerCase


def covariance(x):
    """Covariances of the last axis over the others but the first."""
    flat = x.reshape(len(x), -1, x.shape[-1])
    return np.stack(
        [np.atleast_2d(np.cov(image.T, bias=True)) for image in flat]
    )


def root(s, iterations):
    """The coupled iteration from `Y = S / trace(S)` and `Z = I`."""
    identity = np.eye(s.shape[-1])
    trace = np.trace(s, axis1=1, axis2=2)[:, None, None]
    trace = trace + 1e-8 * len(identity)
    y, z = s / trace, identity
    for _ in range(iterations):
        step = (3.0 * identity - z @ y) / 2.0
        y, z = y @ step, step @ z
    return y * np.sqrt(trace)


def covariance_pooling(iterations, column=False):
    def reference(weights, x):
        y = root(covariance(x), iterations)
        n = y.shape[-1]
        pairs = [(i, j) for i in range(n) for j in range(i, n)]
        if column:
            pairs = [(i, j) for j in range(n) for i in range(j + 1)]
        return np.stack([y[:, i, j] for i, j in pairs], -1)

    return reference


def soca(iterations=5, rows=slice(None), columns=slice(None)):
    def reference(weights, x):
        s = root(covariance(x[:, rows, columns]), iterations)
        gates = sigmoid(excitation(weights, s.mean(2)))
        return x * gates[:, None, None]

    return reference


def projected(weights, x):
    """The 1x1 convolution, with a bias if there is one, and normalisation."""
    p = x @ weights["projection/kernel"]
    p = p + weights.get("projection/bias", 0.0)
    return normalized(weights, p, "projection/normalization")


def gsop_logits(weights, s, act):
    """From a covariance to logits, by four outputs of each row."""
    # The last axis is normalised; rows and columns are the same.
    r = normalized(weights, s, "row_normalization").swapaxes(1, 2)
    kernel, bias = weights["row_kernel"][:, 0], weights["row_bias"]
    o = [
        r[:, i] @ kernel[:, i, j] + bias[4 * i + j]
        for i in range(r.shape[1])
        for j in range(4)
    ]
    o = act(np.stack(o, -1))
    return o @ weights["gate_kernel"] + weights["gate_bias"]


def adaptive_pool(x, height, width):
    """Averages to a size; the windows overlap where it does not divide."""
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


def gsop_channel(strides=1, size=1.0):
    def reference(weights, x):
        p = relu(projected(weights, relu(x[:, ::strides, ::strides])))
        z = gsop_logits(weights, covariance(p), act=lambda o: o)
        return x * size * sigmoid(z)[:, None, None]

    return reference


def gsop_position(grid, strides=1, size=1.0):
    def reference(weights, x):
        p = projected(weights, relu(x[:, ::strides, ::strides]))
        p = adaptive_pool(p, grid, grid).reshape(len(p), grid**2, -1)
        # Of positions, over channels.
        z = gsop_logits(weights, covariance(p.swapaxes(1, 2)), act=relu)
        gates = sigmoid(z).reshape(-1, grid, grid, 1)
        return x * size * adaptive_pool(gates, *x.shape[1:3])

    return reference


def bilinear_attention(size=1.0):
    def reference(weights, x):
        f = relu(projected(weights, x))
        # The outer product of each position, and its upper triangle.
        t = np.einsum("bhwi,bhwj->bhwij", f, f)
        t = t[..., *np.triu_indices(f.shape[-1])]

        def linear(x, name):
            return x @ weights[f"{name}_kernel"] + weights[f"{name}_bias"]

        inner = relu(linear(t.mean((1, 2)), "inner_reduce"))
        inner = sigmoid(linear(inner, "inner_expand"))
        return x * size * sigmoid(inner[:, None, None] * linear(t, "outer"))

    return reference


# What takes in or gives squares, which need not fit into float16.
IN_FLOAT32 = ("normalization", "row_normalization")

SECOND_ORDER = (
    LayerCase(cls=CovariancePooling, reference=covariance_pooling(5)),
    LayerCase(
        cls=CovariancePooling,
        kwargs={"iterations": 1, "triangle": "column"},
        reference=covariance_pooling(1, column=True),
    ),
    LayerCase(cls=SOCA, kwargs={"ratio": 2}, num_weights=4, reference=soca()),
    LayerCase(
        cls=SOCA,
        kwargs={"ratio": 4, "iterations": 3, "max_size": 5},
        shape=(7, 8, 8),
        num_weights=4,
        reference=soca(3, slice(1, 6), slice(1, 6)),
    ),
    LayerCase(
        cls=GSoP,
        kwargs={"dim": 6},
        name="gsop_channel",
        num_weights=10,
        reference=gsop_channel(),
        in_float32=IN_FLOAT32,
    ),
    LayerCase(
        cls=GSoP,
        kwargs={"dim": 5, "strides": 2, "identity_start": True},
        name="gsop_channel_strided",
        num_weights=10,
        reference=gsop_channel(2, size=2.0),
        in_float32=IN_FLOAT32,
    ),
    LayerCase(
        cls=GSoP,
        kwargs={"dim": 5, "mode": "position", "grid": 4},
        name="gsop_position",
        num_weights=10,
        reference=gsop_position(4),
        in_float32=IN_FLOAT32,
    ),
    LayerCase(
        cls=GSoP,
        kwargs={
            "dim": 4,
            "mode": "position",
            "strides": 2,
            "grid": 3,
            "identity_start": True,
        },
        name="gsop_position_strided",
        num_weights=10,
        reference=gsop_position(3, 2, size=2.0),
        in_float32=IN_FLOAT32,
    ),
    LayerCase(
        cls=BilinearAttention,
        num_weights=9,
        reference=bilinear_attention(),
        in_float32=IN_FLOAT32,
    ),
    LayerCase(
        cls=BilinearAttention,
        kwargs={"dim": 3, "ratio": 2, "identity_start": True},
        num_weights=9,
        reference=bilinear_attention(size=2.0),
        in_float32=IN_FLOAT32,
    ),
)
