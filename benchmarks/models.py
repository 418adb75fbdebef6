"""ResNet-50 with each block, by itself and by plain PyTorch; 224 x 224."""

import functools

import numpy as np

from benchmarks import harness, networks

BATCH = 8
# Two nearly double the network, SOCA takes the root of a covariance of 2048
# channels, and FeatureAct weighs all pairs of positions.
LEFT_OUT = {"bilinear_attention", "context_encoding", "feature_act", "soca"}


def measured():
    """Returns the names of the blocks that are measured."""
    from keras_attn import layers

    return [name for name in layers.names() if name not in LEFT_OUT]


def data():
    """Returns images and labels."""
    random = np.random.default_rng(0)
    images = random.normal(size=(BATCH, 224, 224, 3)).astype("float32")
    return images, random.integers(0, 1000, BATCH)


@functools.cache
def steps_of_plain():
    """Returns the steps of plain PyTorch's ResNet-50, without attention."""
    import torch

    from benchmarks.plain.resnet import ResNet50

    network = ResNet50()
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    return networks.plain(network, optimizer, *data())


def steps_of(attention):
    """Returns the steps of our ResNet-50 with a block."""
    import keras

    from keras_attn.applications import ResNet50

    model = ResNet50(
        attention=None if attention == "none" else attention,
        classifier_activation=None,
    )
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    return networks.ours(model, optimizer, *data())


# The same for all blocks, compiled once.
steps_without = functools.cache(functools.partial(steps_of, "none"))


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
        cases=[(a, m) for m in ("training", "inference") for a in measured()],
        subjects={
            "plain": lambda _, mode: steps_of_plain()[mode],
            "without": lambda _, mode: steps_without()[mode],
            "ours": lambda attention, mode: steps_of(attention)[mode],
        },
        row=row,
    )
