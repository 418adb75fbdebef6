"""DeepLab: time and memory of inference for one 321 x 321 image."""

import numpy as np

from benchmarks import harness

SIZE = 321
CLASSES = 21
SCALES = (1, 0.5)
STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def data():
    """Returns an image."""
    random = np.random.default_rng(0)
    return random.normal(size=(1, SIZE, SIZE, 3)).astype("float32")


def products(side):
    """Returns the multiplications from an image to `fc7`."""
    total, channels = 0, 3
    for stage, (filters, count) in enumerate(STAGES):
        for _ in range(count):
            total += 9 * side * side * channels * filters
            channels = filters
        side = (side - 1) // 2 + 1 if stage < 3 else side
    return total + side * side * (9 * 512 * 1024 + 1024 * 1024)


def flops(network, who):
    """Returns the floating point operations of a forward pass."""
    if network == "largefov":
        return 2 * products(SIZE)
    count, inside = len(SCALES), (SIZE - 1) // 8 + 1
    if who == "plain":
        sides = [int(SIZE * scale) for scale in SCALES]
        merging = SIZE
        heads = 9 * CLASSES
    else:
        sides = [int((SIZE - 1) * scale) + 1 for scale in SCALES]
        merging, heads = inside, CLASSES
    total = sum(map(products, sides))
    total += sum(((side - 1) // 8 + 1) ** 2 * 1024 * heads for side in sides)
    total += merging**2 * (9 * 1024 * count * 512 + 512 * count)
    return 2 * total


def plain(network):
    """Returns the inference pass of plain PyTorch."""
    import torch

    from benchmarks.plain import deeplab

    torch.manual_seed(0)
    if network == "largefov":
        made = deeplab.LargeFOV(average=True).eval()
    else:
        made = deeplab.AttentionToScale(SCALES, CLASSES).eval()
    image = torch.tensor(data()).permute(0, 3, 1, 2).contiguous()

    def run():
        with torch.no_grad():
            return made(image).numpy()

    return run


def ours(network):
    """Returns our inference pass.

    Raises:
        AssertionError: If the output of LargeFOV differs from PyTorch's.
    """
    from keras_attn.applications import DeepLabASC, DeepLabLargeFOV

    image = data()
    if network == "asc":
        model = DeepLabASC(scales=SCALES, classifier_activation=None)
        return lambda: model.predict_on_batch(image)
    model = DeepLabLargeFOV(include_top=False, input_shape=(None, None, 3))
    check(model)
    return lambda: model.predict_on_batch(image)


def check(model):
    """Checks a model against plain PyTorch with the same weights."""
    import torch

    from benchmarks.plain import deeplab
    from keras_attn.weights import load_torch, to_torch

    made = deeplab.LargeFOV(average=True).eval()
    arrays = made.state_dict().values()
    load_torch(model, dict(zip(to_torch(model), arrays, strict=True)))
    # Small, so that the check does not set the peak of memory.
    image = data()[:, :65, :65]
    with torch.no_grad():
        expected = made(torch.tensor(image).permute(0, 3, 1, 2))
    expected = expected.permute(0, 2, 3, 1).numpy()
    found = model(image, training=False)
    found = found.detach().numpy() if hasattr(found, "detach") else found
    np.testing.assert_allclose(found, expected, atol=1e-4 * expected.max())


def row(case, times, memory):
    """Returns a row of the table."""
    (network,) = case
    return {
        "network": network,
        "plain GFLOP": flops(network, "plain") / 1e9,
        "ours GFLOP": flops(network, "ours") / 1e9,
        "plain ms": times["plain"],
        "ours ms": times["ours"],
        "ours / plain": times["ours"] / times["plain"],
        "plain MiB": memory["plain"],
        "ours MiB": memory["ours"],
        "MiB, ours / plain": memory["ours"] / memory["plain"],
    }


if __name__ == "__main__":
    harness.answer(
        "deeplab",
        cases=[("asc",), ("largefov",)],
        subjects={"plain": plain, "ours": ours},
        row=row,
        memory_of=("plain", "ours"),
    )
