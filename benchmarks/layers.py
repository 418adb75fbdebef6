"""Blocks at the shapes of the stages of ResNet-50, against plain PyTorch."""

import copy
import functools

import numpy as np

from benchmarks import harness
from benchmarks.twins import twins

STAGES = ((256, 56), (512, 28), (1024, 14), (2048, 7))
BATCH = 8


@functools.lru_cache(maxsize=1)
def pair(block, channels, size):
    """Returns the plain module, our layer with its weights, and images.

    Raises:
        AssertionError: If their outputs differ.
    """
    import keras
    import torch

    from keras_attn.weights import load_torch

    torch.manual_seed(0)
    cls, twin = twins()[block]
    kwargs = twin.arguments(size)
    plain = twin.make()(channels, size, **kwargs).eval()
    ours = cls(data_format="channels_last", **kwargs)
    shape = (BATCH, size, size, channels)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    ours.build(shape)
    if ours.weights:
        load_torch(ours, plain.state_dict())
    y = keras.ops.convert_to_numpy(ours(x, training=False))
    images = torch.tensor(x).permute(0, 3, 1, 2).contiguous()
    with torch.no_grad():
        expected = plain(images)
    if expected.ndim == 4:
        expected = expected.permute(0, 2, 3, 1)
    size = float(expected.abs().max())
    np.testing.assert_allclose(y, expected, rtol=1e-3, atol=1e-3 * size)
    return plain, ours, images, x, y


def plain_forward(*case):
    """Returns the inference pass of plain PyTorch."""
    import torch

    plain, _, images, _, _ = pair(*case)
    return torch.no_grad()(functools.partial(plain, images))


def plain_backward(*case):
    """Returns the forward and backward pass of plain PyTorch in training."""
    import torch

    plain, _, images, _, y = pair(*case)
    plain = copy.deepcopy(plain).train()
    images = images.clone().requires_grad_()
    order = (0, 3, 1, 2) if y.ndim == 4 else range(y.ndim)
    pull = torch.tensor(y).permute(*order).contiguous()
    leaves = [images, *plain.parameters()]
    return lambda: torch.autograd.grad(plain(images), leaves, pull)


def ours_forward(*case):
    """Returns our inference pass."""
    from benchmarks.steps import forward

    _, ours, _, x, _ = pair(*case)
    return forward(ours, x)


def ours_backward(*case):
    """Returns our forward and backward pass in training."""
    from benchmarks.steps import gradient

    _, ours, _, x, y = pair(*case)
    return gradient(ours, x, y)


def row(case, times, memory):
    """Returns a row of the table."""
    block, channels, size = case
    found = {"block": block, "shape": f"{size} x {size} x {channels}"}
    for what in ("forward", "backward"):
        plain, ours = times[f"plain {what}"], times[f"ours {what}"]
        found[f"{what}, plain ms"] = plain
        found[f"{what}, ours ms"] = ours
        found[f"{what}, ours / plain"] = ours / plain
    return found


if __name__ == "__main__":
    harness.answer(
        "layers",
        cases=[
            (block, *stage)
            for block, (_, twin) in twins().items()
            for stage in STAGES
            if stage[0] <= twin.most_channels
        ],
        subjects={
            "plain forward": plain_forward,
            "ours forward": ours_forward,
            "plain backward": plain_backward,
            "ours backward": ours_backward,
        },
        row=row,
    )
