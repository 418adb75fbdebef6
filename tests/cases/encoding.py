"""Encodings by codewords, and the cell that blocks share."""

import numpy as np

from keras_attn.layers.blocks.context_encoding import ContextEncoding
from keras_attn.layers.blocks.dia import DIA
from keras_attn.layers.encoding import Encoding
from tests.cases.equations import normalized, relu, sigmoid
from tests.contracts import LayerCase


def residuals(x, codewords, scale):
    """Returns assignments and encoding, with every residual written out."""
    tokens = x.reshape(len(x), -1, x.shape[-1])
    residual = tokens[:, :, None] - codewords
    logits = scale * (residual**2).sum(3)
    shares = np.exp(logits - logits.max(2, keepdims=True))
    shares = shares / shares.sum(2, keepdims=True)
    return shares, (shares[..., None] * residual).sum(1)


def encoding(weights, x):
    return residuals(x, weights["codewords"], weights["scale"])[1]


def context_encoding(weights, x):
    features = x @ weights["projection/convolution/kernel"][0, 0]
    features = normalized(weights, features, "projection/normalization")
    codes = ("encoding/codewords", "encoding/scale")
    codes = residuals(relu(features), *(weights[name] for name in codes))[1]
    codes = normalized(weights, codes.transpose(0, 2, 1), "code_normalization")
    context = relu(codes).mean(2)
    gates = sigmoid(context @ weights["gate_kernel"] + weights["gate_bias"])
    y = relu(x + x * gates[:, None, None])
    if "presence_kernel" not in weights:
        return y
    logits = context @ weights["presence_kernel"] + weights["presence_bias"]
    return [y, logits]


def dia_step(weights, x, h, c):
    """Returns the next state: both branches of the cell by themselves."""

    def branch(name, vector):
        kernels = [weights[f"{name}_{k}_kernel"] for k in ("reduce", "expand")]
        biases = [weights[f"{name}_{k}_bias"] for k in ("reduce", "expand")]
        hidden = relu(vector @ kernels[0] + biases[0])
        return hidden @ kernels[1] + biases[1]

    logits = branch("input", x.mean((1, 2))) + branch("hidden", h)
    i, f, g, o = np.split(logits, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * sigmoid(c), c


def dia(factor=1.0):
    def reference(weights, x):
        zeros = np.zeros((len(x), x.shape[-1]))
        h, _ = dia_step(weights, x, zeros, zeros)
        return factor * x * h[:, None, None]

    return reference


IN_FLOAT32 = (
    "projection",
    "convolution",
    "normalization",
    "code_normalization",
)

ENCODINGS = (
    LayerCase(
        cls=Encoding,
        kwargs={"num_codes": 4},
        num_weights=2,
        reference=encoding,
    ),
    LayerCase(
        cls=Encoding,
        kwargs={"num_codes": 7},
        shape=(3, 4, 5),
        num_weights=2,
        reference=encoding,
    ),
    LayerCase(
        cls=ContextEncoding,
        kwargs={"num_codes": 4},
        num_weights=9,
        reference=context_encoding,
        in_float32=IN_FLOAT32,
    ),
    LayerCase(
        cls=ContextEncoding,
        kwargs={"num_codes": 3, "num_classes": 5},
        num_weights=11,
        reference=context_encoding,
        in_float32=IN_FLOAT32,
    ),
    LayerCase(cls=DIA, num_weights=8, reference=dia()),
    LayerCase(
        cls=DIA,
        kwargs={"ratio": 2, "identity_start": True},
        num_weights=8,
        reference=dia(4.0),
    ),
)
