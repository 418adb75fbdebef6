"""FeatureAct, forward and backward, at its four shapes in FERNet."""

import numpy as np

from benchmarks import harness

SHAPES = ((32, 24), (64, 12), (128, 6), (256, 3))
BATCH = 32


def flops(channels, size, factored):
    """Returns the floating point operations of a forward pass of the batch.

    Counts matrix products only; a multiplication and an addition are two.
    """
    n, dim = size * size, channels // 4
    linear = 4 * n * channels * dim
    core = 2 * n * n * dim if factored else n * n * dim**2 + n * dim**2
    return 2 * BATCH * (linear + core)


def is_factored(channels, size):
    """Returns whether our layer uses the factored form."""
    return size * size <= (channels // 4) ** 2


def ours(channels, size):
    """Returns our forward and backward pass."""
    from benchmarks.steps import gradient
    from keras_attn.layers import FeatureAct

    shape = (BATCH, size, size, channels)
    x, g = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    layer = FeatureAct(4, data_format="channels_last")
    layer.build(shape)
    assert layer.factors == is_factored(channels, size)
    return gradient(layer, x, g)


def plain(channels, size, loop=True):
    """Returns the same for the published form in plain PyTorch."""
    import torch

    from benchmarks.plain.fernet import FeatureAct

    layer = FeatureAct(channels, size, loop=loop)
    x = torch.randn(BATCH, channels, size, size, requires_grad=True)
    g = torch.randn(BATCH, channels, size, size)
    leaves = [x, *layer.parameters()]
    return lambda: torch.autograd.grad(layer(x), leaves, g)


def vectorised(channels, size):
    """Returns the same without the loop over target channels."""
    return plain(channels, size, loop=False)


def row(case, times, memory):
    """Returns a row of the table."""
    channels, size = case
    factored = is_factored(channels, size)
    return {
        "shape": f"{size} x {size} x {channels}",
        "form": "factored" if factored else "explicit",
        "plain GFLOP": flops(channels, size, False) / 1e9,
        "ours GFLOP": flops(channels, size, factored) / 1e9,
        "plain ms": times["plain"],
        "vectorised ms": times["vectorised"],
        "ours ms": times["ours"],
        "plain / ours": times["plain"] / times["ours"],
        "vectorised / ours": times["vectorised"] / times["ours"],
        "plain MiB": memory["plain"],
        "ours MiB": memory["ours"],
    }


if __name__ == "__main__":
    harness.answer(
        "feature_act",
        cases=SHAPES,
        subjects={"plain": plain, "vectorised": vectorised, "ours": ours},
        row=row,
        memory_of=("plain", "ours"),
    )
