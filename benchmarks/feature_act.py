"""FeatureAct, forward and backward, at the four shapes inside FERNet."""

import argparse

import keras
import numpy as np

from benchmarks import harness

SHAPES = ((32, 24), (64, 12), (128, 6), (256, 3))
BATCH = 32


def flops(channels, size, factored):
    """Returns the floating point operations of a forward pass of the batch.

    A multiplication and an addition are two; only products are counted.
    """
    n, dim = size * size, channels // 4
    linear = 4 * n * channels * dim
    core = 2 * n * n * dim if factored else n * n * dim**2 + n * dim**2
    return 2 * BATCH * (linear + core)


def ours(channels, size):
    """Returns our step, and which form it takes."""
    from benchmarks.gradients import step
    from keras_attn.layers import FeatureAct

    shape = (BATCH, size, size, channels)
    x, g = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    layer = FeatureAct(4, data_format="channels_last")
    layer.build(shape)
    return step(layer, x, g), layer.factors


def plain(channels, size, loop):
    """Returns the step of plain PyTorch."""
    import torch

    from benchmarks.plain_torch import FeatureAct

    layer = FeatureAct(channels, size, loop=loop)
    x = torch.randn(BATCH, channels, size, size, requires_grad=True)
    g = torch.randn(BATCH, channels, size, size)
    leaves = [x, *layer.parameters()]
    return lambda: torch.autograd.grad(layer(x), leaves, g)


def measure():
    """Measures every shape, and records the rows."""
    rows = []
    for channels, size in SHAPES:
        step, factored = ours(channels, size)
        times = harness.medians(
            {
                "plain": plain(channels, size, loop=True),
                "vectorised": plain(channels, size, loop=False),
                "ours": step,
            }
        )
        memory = {
            who: harness.memory_of(
                "benchmarks.feature_act", f"{who}:{channels}:{size}"
            )
            for who in ("plain", "ours")
        }
        rows.append(
            {
                "shape": f"{size} x {size} x {channels}",
                "form": "factored" if factored else "explicit",
                "plain GFLOP": flops(channels, size, False) / 1e9,
                "ours GFLOP": flops(channels, size, factored) / 1e9,
                "plain ms": times["plain"],
                "vectorised ms": times["vectorised"],
                "ours ms": times["ours"],
                "times as fast": times["plain"] / times["ours"],
                "than vectorised": times["vectorised"] / times["ours"],
                "plain MiB": memory["plain"],
                "ours MiB": memory["ours"],
            }
        )
    harness.record("feature_act", keras.backend.backend(), rows)


def main():
    """Measures all, or the memory of one subject."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory", metavar="WHO:CHANNELS:SIZE")
    arguments = parser.parse_args()
    harness.start()
    if arguments.memory is None:
        measure()
        return
    who, channels, size = arguments.memory.split(":")
    channels, size = int(channels), int(size)
    if who == "ours":
        harness.print_growth(ours(channels, size)[0])
    else:
        harness.print_growth(plain(channels, size, loop=True))


if __name__ == "__main__":
    main()
