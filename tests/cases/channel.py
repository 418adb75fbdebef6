"""Channel attention of first-order statistics."""

import numpy as np

from keras_attn.layers.blocks.cbam import CBAM
from keras_attn.layers.blocks.eca import ECA
from keras_attn.layers.blocks.fca import FCA
from keras_attn.layers.blocks.gct import GCT
from keras_attn.layers.blocks.se import SE
from keras_attn.layers.blocks.srm import SRM
from tests.cases.equations import excitation, normalized, sigmoid
from tests.contracts import LayerCase


def se(weights, x):
    gates = sigmoid(excitation(weights, x.mean((1, 2))))
    return x * gates[:, None, None]


def eca(circular=False):
    def reference(weights, x):
        z = x.mean((1, 2))
        kernel = weights["kernel"].ravel()
        reach = len(kernel) // 2
        logits = np.zeros_like(z)
        for c in range(z.shape[1]):
            for j, w in enumerate(kernel):
                at = c + j - reach
                if circular:
                    logits[:, c] += w * z[:, at % z.shape[1]]
                elif 0 <= at < z.shape[1]:
                    logits[:, c] += w * z[:, at]
        return x * sigmoid(logits)[:, None, None]

    return reference


def gct(norm):
    """The equation as it is printed, by sums."""

    def reference(weights, x, epsilon=1e-5):
        alpha, gamma, beta = (weights[w] for w in ("alpha", "gamma", "beta"))
        if norm == "l2":
            e = alpha * np.sqrt((x**2).sum((1, 2)) + epsilon)
            size = np.sqrt((e**2).mean(1, keepdims=True) + epsilon)
        else:
            e = alpha * np.abs(x).sum((1, 2))
            size = np.abs(e).mean(1, keepdims=True) + epsilon
        gates = 1.0 + np.tanh(gamma * e / size + beta)
        return x * gates[:, None, None]

    return reference


def srm(weights, x):
    deviation = np.sqrt(x.var((1, 2), ddof=1) + 1e-5)
    z = weights["kernel"][:, 0] * x.mean((1, 2))
    z = z + weights["kernel"][:, 1] * deviation
    return x * sigmoid(normalized(weights, z))[:, None, None]


def fca(frequencies, size):
    """Group by group, after pooling by loops."""

    def reference(weights, x):
        batch, height, width, channels = x.shape
        pooled = np.zeros((batch, size, size, channels))
        for i in range(size):
            rows = slice(i * height // size, -(-(i + 1) * height // size))
            for j in range(size):
                cells = slice(j * width // size, -(-(j + 1) * width // size))
                pooled[:, i, j] = x[:, rows, cells].mean((1, 2))
        p = (np.arange(size) + 0.5) / size
        z = np.zeros((batch, channels))
        group = channels // len(frequencies)
        for k, (u, v) in enumerate(frequencies):
            down, across = (
                np.cos(np.pi * f * p) * np.sqrt((2.0 if f else 1.0) / size)
                for f in (u, v)
            )
            own = slice(k * group, (k + 1) * group)
            z[:, own] = np.einsum(
                "bhwc,h,w->bc", pooled[..., own], down, across
            )
        return x * sigmoid(excitation(weights, z))[:, None, None]

    return reference


def cbam(mean_first):
    def reference(weights, x):
        vectors = x.mean((1, 2)), x.max((1, 2))
        x = x * sigmoid(excitation(weights, *vectors))[:, None, None]
        planes = [x.max(3), x.mean(3)]
        planes = np.stack(planes[::-1] if mean_first else planes, -1)
        kernel = weights["kernel"][..., 0]
        reach = len(kernel) // 2
        padded = np.pad(planes, [(0, 0), (reach,) * 2, (reach,) * 2, (0, 0)])
        windows = np.lib.stride_tricks.sliding_window_view(
            padded, kernel.shape[:2], axis=(1, 2)
        )
        logits = np.einsum("bhwcij,ijc->bhw", windows, kernel)[..., None]
        return x * sigmoid(normalized(weights, logits))

    return reference


CHANNEL = (
    LayerCase(cls=SE, kwargs={"ratio": 4}, num_weights=4, reference=se),
    LayerCase(
        cls=SE,
        kwargs={"ratio": 3, "use_bias": False},
        num_weights=2,
        reference=se,
    ),
    LayerCase(cls=ECA, num_weights=1, reference=eca()),
    LayerCase(
        cls=ECA,
        kwargs={"kernel_size": 5, "circular": True},
        num_weights=1,
        reference=eca(circular=True),
    ),
    LayerCase(cls=GCT, num_weights=3, reference=gct("l2")),
    LayerCase(
        cls=GCT, kwargs={"norm": "l1"}, num_weights=3, reference=gct("l1")
    ),
    LayerCase(cls=SRM, num_weights=3, reference=srm),
    LayerCase(
        cls=FCA,
        kwargs={"ratio": 4, "frequencies": "top4"},
        num_weights=2,
        reference=fca([(0, 0), (0, 1), (6, 0), (0, 5)], 7),
    ),
    LayerCase(
        cls=FCA,
        kwargs={"ratio": 4, "frequencies": "bot2", "dct_size": 14},
        num_weights=2,
        reference=fca([(12, 12), (2, 8)], 14),
    ),
    LayerCase(
        cls=CBAM,
        kwargs={"ratio": 4, "kernel_size": 3},
        num_weights=7,
        reference=cbam(mean_first=False),
    ),
    LayerCase(
        cls=CBAM,
        kwargs={"ratio": 4, "use_bias": False, "mean_first": True},
        num_weights=5,
        reference=cbam(mean_first=True),
    ),
)
