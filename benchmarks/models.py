"""ResNet-50 with each block, by itself and by plain PyTorch; 224 x 224."""

import numpy as np

from benchmarks import harness, networks

BATCH = 8
# SOCA would take the root of a covariance of 2048 channels three times.
ATTENTION = (
    "none",
    "se",
    "eca",
    "srm",
    "gct",
    "cbam",
    "fca",
    "dia",
    "gsop",
    "context_encoding",
    "bilinear_attention",
)


def data():
    """Returns images and labels."""
    random = np.random.default_rng(0)
    images = random.normal(size=(BATCH, 224, 224, 3)).astype("float32")
    return images, random.integers(0, 1000, BATCH)


def plain(attention, mode):
    """Returns a step of plain PyTorch's ResNet-50, without attention."""
    import torch

    from benchmarks.plain.resnet import ResNet50

    network = ResNet50()
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    return networks.plain(network, optimizer, *data())[mode]


def ours(attention, mode):
    """Returns a step of our ResNet-50 with a block."""
    import keras

    from keras_attn.applications import ResNet50

    model = ResNet50(
        attention=None if attention == "none" else attention,
        classifier_activation=None,
    )
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    return networks.ours(model, optimizer, *data())[mode]


def without(attention, mode):
    """Returns ours without attention, in the same turns."""
    return ours("none", mode)


def row(case, times, memory):
    """Returns what the table shows."""
    attention, mode = case
    return {
        "attention": attention,
        "mode": mode,
        "plain ms": times["plain"],
        "without ms": times["without"],
        "ours ms": times["ours"],
        "of without": times["ours"] / times["without"],
        "of plain": times["ours"] / times["plain"],
    }


if __name__ == "__main__":
    harness.answer(
        "models",
        cases=[(a, m) for m in ("training", "inference") for a in ATTENTION],
        subjects={"plain": plain, "without": without, "ours": ours},
        row=row,
    )
