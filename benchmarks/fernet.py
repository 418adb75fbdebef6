"""FERNet: a training step and inference, batch 32, 48 x 48 grey images."""

import argparse

import keras
import numpy as np

from benchmarks import harness
from benchmarks.feature_act import SHAPES
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
        flops_of_block(c, s, factored and s * s <= (c // 4) ** 2)
        for c, s in SHAPES
    )
    return 2 * BATCH * total + blocks


def data():
    """Returns images and labels."""
    random = np.random.default_rng(0)
    images = random.uniform(size=(BATCH, 48, 48, 1)).astype("float32")
    return images, random.integers(0, 7, BATCH)


def ours():
    """Returns our training step and inference."""
    import keras_attn

    x, y = data()
    model = keras_attn.applications.FERNet(classifier_activation=None)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    return {
        "training": lambda: model.train_on_batch(x, y),
        "inference": lambda: model.predict_on_batch(x),
    }


def plain():
    """Returns the training step and inference of plain PyTorch."""
    import torch

    from benchmarks.plain_torch import FERNet

    x, y = data()
    x, y = torch.tensor(x).permute(0, 3, 1, 2).contiguous(), torch.tensor(y)
    network = FERNet()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)

    def training():
        network.train()
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    def inference():
        network.eval()
        with torch.no_grad():
            return network(x).numpy()

    return {"training": training, "inference": inference}


def measure():
    """Measures both modes, and records the rows."""
    subjects = {"plain": plain(), "ours": ours()}
    rows = []
    for mode in ("training", "inference"):
        times = harness.medians(
            {who: modes[mode] for who, modes in subjects.items()}
        )
        memory = {
            who: harness.memory_of("benchmarks.fernet", f"{who}:{mode}")
            for who in subjects
        }
        # Backward takes two products for each of the forward pass.
        passes = 3 if mode == "training" else 1
        rows.append(
            {
                "mode": mode,
                "plain GFLOP": passes * flops(False) / 1e9,
                "ours GFLOP": passes * flops(True) / 1e9,
                "plain ms": times["plain"],
                "ours ms": times["ours"],
                "of plain": times["ours"] / times["plain"],
                "plain MiB": memory["plain"],
                "ours MiB": memory["ours"],
            }
        )
    harness.record("fernet", keras.backend.backend(), rows)


def main():
    """Measures all, or the memory of one subject."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory", metavar="WHO:MODE")
    arguments = parser.parse_args()
    harness.start()
    if arguments.memory is None:
        measure()
        return
    who, mode = arguments.memory.split(":")
    harness.print_growth({"plain": plain, "ours": ours}[who]()[mode])


if __name__ == "__main__":
    main()
