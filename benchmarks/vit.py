"""Vision Transformers: training and inference steps."""

import functools

import numpy as np

from benchmarks import harness, networks

BATCH = 4
MODES = ("inference", "training", "Adam")
# Image size, patch size, width, blocks, heads, hidden width, classes, dropout.
SIZES = {
    "reference": (256, 32, 1024, 6, 16, 2048, 2, 0.1),
    "ViT-S/16": (224, 16, 384, 12, 6, 1536, 1000, 0.0),
}


def data(size):
    """Returns images and labels."""
    side, *_, classes, _ = SIZES[size]
    random = np.random.default_rng(0)
    images = random.normal(size=(BATCH, side, side, 3))
    return images.astype("float32"), random.integers(0, classes, BATCH)


@functools.cache
def pair(size):
    """Returns the plain PyTorch network, and our model with its weights.

    Raises:
        AssertionError: If their outputs differ.
    """
    import torch

    from benchmarks.plain.vit import ViT as Plain
    from keras_attn.applications import ViT
    from keras_attn.weights import load_torch, to_torch

    side, patch, dim, depth, heads, mlp, classes, dropout = SIZES[size]
    form = "lucidrains" if size == "reference" else "google"
    torch.manual_seed(0)
    plain = Plain(
        *(side, patch, dim, depth, heads, mlp, classes),
        bias=form == "google",
        epsilon=1e-6 if form == "google" else 1e-5,
        dropout=dropout,
    )
    model = ViT(
        input_shape=(side, side, 3),
        classes=classes,
        classifier_activation=None,
        patch_size=patch,
        hidden_dim=dim,
        num_layers=depth,
        num_heads=heads,
        mlp_dim=mlp,
        form=form,
        dropout=dropout,
    )
    # Layers have other names but the same order; these two are not layers.
    arrays = {
        name: array
        for name, array in plain.state_dict().items()
        if name not in ("token", "places")
    }
    renamed = {"cls_token": plain.token, "pos_embed": plain.places}
    names = [name for name in to_torch(model) if name not in renamed]
    renamed |= dict(zip(names, arrays.values(), strict=True))
    load_torch(model, {n: a.detach().numpy() for n, a in renamed.items()})
    images, _ = data(size)
    with torch.no_grad():
        expected = plain.eval()(torch.tensor(images).permute(0, 3, 1, 2))
    limit = 1e-4 * float(expected.abs().max())
    found = model.predict_on_batch(images)
    np.testing.assert_allclose(found, expected.numpy(), atol=limit)
    return plain, model


def ours(size, mode):
    """Returns our training or inference step."""
    import keras

    optimizer = keras.optimizers.SGD(1e-3, momentum=0.9)
    if mode == "Adam":
        mode, optimizer = "training", keras.optimizers.Adam(1e-3)
    return networks.ours(pair(size)[1], optimizer, *data(size))[mode]


def plain(size, mode):
    """Returns the same for plain PyTorch."""
    import torch

    network = pair(size)[0]
    optimizer = torch.optim.SGD(network.parameters(), 1e-3, momentum=0.9)
    if mode == "Adam":
        mode = "training"
        optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    return networks.plain(network, optimizer, *data(size))[mode]


def row(case, times, memory):
    """Returns a row of the table."""
    size, mode = case
    return {
        "size": size,
        "mode": mode,
        "plain ms": times["plain"],
        "ours ms": times["ours"],
        "ours / plain": times["ours"] / times["plain"],
    }


if __name__ == "__main__":
    harness.answer(
        "vit",
        # Inference first: training changes the weights.
        cases=[(s, m) for s in SIZES for m in MODES],
        subjects={"plain": plain, "ours": ours},
        row=row,
    )
