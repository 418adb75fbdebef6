"""ResNet-50 with each block, against ResNet-50 without; 224 x 224."""

import functools

import numpy as np

from benchmarks import harness, networks

BATCH = 8
# The first two multiply the size of the network, SOCA takes the root of a
# 2048 x 2048 covariance, and FeatureAct weighs each pair of positions.
LEFT_OUT = {"bilinear_attention", "context_encoding", "feature_act", "soca"}


def measured():
    """Returns the names of the measured blocks."""
    from keras_attn import layers

    return [name for name in layers.names() if name not in LEFT_OUT]


def data():
    """Returns images and labels."""
    random = np.random.default_rng(0)
    images = random.normal(size=(BATCH, 224, 224, 3)).astype("float32")
    return images, random.integers(0, 1000, BATCH)


@functools.cache
def steps_of_plain():
    """Returns the steps of ResNet-50 without attention in plain PyTorch."""
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


# Shared by all blocks, so that it compiles once.
steps_without = functools.cache(functools.partial(steps_of, "none"))


def row(case, times, memory):
    """Returns a row of the table."""
    attention, mode = case
    return {
        "attention": attention,
        "mode": mode,
        "plain ms": times["plain"],
        "without ms": times["without"],
        "ours ms": times["ours"],
        "ours / without": times["ours"] / times["without"],
        "ours / plain": times["ours"] / times["plain"],
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
