"""FERNet: training and inference steps, 32 grey images of 48 x 48."""

import numpy as np

from benchmarks import harness, networks
from benchmarks.feature_act import SHAPES, is_factored
from benchmarks.feature_act import flops as flops_of_block

BATCH = 32


def flops(factored):
    """Returns the floating point operations of a forward pass of the batch."""
    total, inputs, size = 0, 1, 48
    for channels, pooled in SHAPES:
        total += 9 * size * size * channels * (inputs + channels)
        inputs, size = channels, pooled
    total += 2304 * 256 + 256 * 128 + 128 * 7
    blocks = sum(
        flops_of_block(*shape, factored and is_factored(*shape))
        for shape in SHAPES
    )
    return 2 * BATCH * total + blocks


def data():
    """Returns images and labels."""
    random = np.random.default_rng(0)
    images = random.uniform(size=(BATCH, 48, 48, 1)).astype("float32")
    return images, random.integers(0, 7, BATCH)


def ours(mode):
    """Returns our training or inference step."""
    import keras

    import keras_attn

    model = keras_attn.applications.FERNet(classifier_activation=None)
    return networks.ours(model, keras.optimizers.Adam(1e-3), *data())[mode]


def plain(mode):
    """Returns the same for plain PyTorch."""
    import torch

    from benchmarks.plain.fernet import FERNet

    network = FERNet()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    return networks.plain(network, optimizer, *data())[mode]


def row(case, times, memory):
    """Returns a row of the table."""
    (mode,) = case
    # The backward pass has two products for each one of the forward pass.
    passes = 3 if mode == "training" else 1
    return {
        "mode": mode,
        "plain GFLOP": passes * flops(False) / 1e9,
        "ours GFLOP": passes * flops(True) / 1e9,
        "plain ms": times["plain"],
        "ours ms": times["ours"],
        "ours / plain": times["ours"] / times["plain"],
        "plain MiB": memory["plain"],
        "ours MiB": memory["ours"],
    }


if __name__ == "__main__":
    harness.answer(
        "fernet",
        cases=[("training",), ("inference",)],
        subjects={"plain": plain, "ours": ours},
        row=row,
        memory_of=("plain", "ours"),
    )
