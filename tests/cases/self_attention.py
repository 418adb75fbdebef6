"""Self-attention over tokens."""

import numpy as np

from keras_attn.layers import MultiHeadSelfAttention
from tests.contracts import LayerCase
from tests.contracts.devices import FORMATS


def reference(weights, x):
    """Computes three heads of four numbers, one after the other."""
    qkv = x @ weights["qkv/kernel"] + weights.get("qkv/bias", 0.0)
    mixed = []
    for head in range(3):
        q, k, v = (
            qkv[..., start + 4 * head : start + 4 * head + 4]
            for start in (0, 12, 24)
        )
        scores = np.exp(np.einsum("bid,bjd->bij", q, k) / 2.0)
        scores /= scores.sum(-1, keepdims=True)
        mixed.append(scores @ v)
    mixed = np.concatenate(mixed, -1)
    if "projection/kernel" not in weights:
        return mixed
    return mixed @ weights["projection/kernel"] + weights["projection/bias"]


SELF_ATTENTION = (
    LayerCase(
        cls=MultiHeadSelfAttention,
        products_in_half=True,
        kwargs={"num_heads": 3, "head_dim": 4},
        shape=(5, 8),
        num_weights=4,
        reference=reference,
        formats=FORMATS[:1],
        masks=True,
    ),
    LayerCase(
        cls=MultiHeadSelfAttention,
        products_in_half=True,
        kwargs={
            "num_heads": 3,
            "qkv_bias": False,
            "project": False,
            "dropout": 0.25,
            "seed": 3,
        },
        shape=(6, 12),
        num_weights=1,
        name="bare_self_attention",
        reference=reference,
        formats=FORMATS[:1],
        masks=True,
        random=True,
    ),
)
