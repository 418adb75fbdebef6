"""ZF-Net: training and inference steps, its DeconvNet, and its pooling."""

import functools

import numpy as np

from benchmarks import harness, networks

BATCH = 8
# The input of the first pooling.
MAPS = (8, 110, 110, 96)


def data(count=BATCH):
    """Returns images and labels."""
    random = np.random.default_rng(0)
    images = 50 * random.normal(size=(count, 224, 224, 3))
    return images.astype("float32"), random.integers(0, 1000, count)


@functools.cache
def pair(question):
    """Returns the plain PyTorch network, and our model with its weights.

    One pair per question, because training changes the weights.
    """
    import torch

    from benchmarks.plain.zfnet import ZFNet as Plain
    from keras_attn.applications import ZFNet
    from keras_attn.weights import load_torch, to_torch

    torch.manual_seed(0)
    plain = Plain()
    model = ZFNet(classifier_activation=None)
    # Other names, the same order.
    arrays = plain.state_dict().values()
    load_torch(model, dict(zip(to_torch(model), arrays, strict=True)))
    return plain, model


def ours(mode):
    """Returns our training or inference step."""
    import keras

    optimizer = keras.optimizers.SGD(1e-2, momentum=0.9)
    return networks.ours(pair("network")[1], optimizer, *data())[mode]


def plain(mode):
    """Returns the same for plain PyTorch."""
    import torch

    network = pair("network")[0]
    optimizer = torch.optim.SGD(network.parameters(), 1e-2, momentum=0.9)
    return networks.plain(network, optimizer, *data())[mode]


def row(case, times, memory):
    """Returns a row of the table."""
    return {
        "mode": case[0],
        "plain ms": times["plain"],
        "ours ms": times["ours"],
        "ours / plain": times["ours"] / times["plain"],
    }


def ours_deconvnet(layer):
    """Returns our reconstruction of one activation.

    Raises:
        AssertionError: If it differs from that of plain PyTorch.
    """
    from keras_attn.explain import DeconvNet

    images, _ = data(1)
    deconvnet = DeconvNet(pair("deconvnet")[1])

    def run():
        return deconvnet(images, layer, 3, strongest=1).pixels

    expected = plain_deconvnet(layer)()
    limit = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(run(), expected, atol=limit)
    return run


def forward(layer):
    """Returns `predict_on_batch` of our model."""
    return functools.partial(pair("deconvnet")[1].predict_on_batch, data(1)[0])


def plain_deconvnet(layer):
    """Returns the reconstruction of plain PyTorch."""
    import torch

    from benchmarks.plain import zfnet

    network = pair("deconvnet")[0].eval()
    image = torch.tensor(data(1)[0]).permute(0, 3, 1, 2).contiguous()

    @torch.no_grad()
    def run():
        steps = []
        pooled = network.features(image, steps)
        seeds = zfnet.strongest(pooled, 3)
        return zfnet.reconstruct(steps, seeds).permute(0, 2, 3, 1).numpy()

    return run


def plain_forward(layer):
    """Returns the inference pass of plain PyTorch."""
    import torch

    network = pair("deconvnet")[0].eval()
    image = torch.tensor(data(1)[0]).permute(0, 3, 1, 2).contiguous()
    return torch.no_grad()(functools.partial(network, image))


def row_of_deconvnet(case, times, memory):
    """Returns a row of the table."""
    return {
        "layer": case[0],
        "ours ms": times["ours"],
        "forward ms": times["forward"],
        "plain ms": times["plain"],
        "plain forward ms": times["plain forward"],
        "ours / forward": times["ours"] / times["forward"],
        "plain / plain forward": times["plain"] / times["plain forward"],
        "ours / plain": times["ours"] / times["plain"],
    }


def pooling(with_indices, mode):
    """Returns our pooling, forward only or with its gradient."""
    from benchmarks import steps
    from keras_attn.layers import MaxPooling2DWithIndices
    from keras_attn.layers.parts.max_pooling2d import MaxPooling2D

    maps = np.random.default_rng(0).normal(size=MAPS).astype("float32")
    kind = MaxPooling2DWithIndices if with_indices else MaxPooling2D
    layer = maxima_of(kind(3, 2, padding=1))
    layer.build(maps.shape)
    if mode == "forward":
        return steps.forward(layer, maps)
    pull = np.ones((MAPS[0], 55, 55, MAPS[3]), "float32")
    return steps.gradient(layer, maps, pull)


def maxima_of(layer):
    """Returns a layer that outputs the maxima only."""
    import keras

    class Maxima(keras.layers.Layer):
        def call(self, inputs, training=None):
            outputs = layer(inputs)
            if not isinstance(outputs, list):
                return outputs
            maxima, indices = outputs
            # Uses the indices, which a compiler would otherwise drop. They are
            # never negative, so this adds zeros.
            return maxima + keras.ops.cast(indices < 0, maxima.dtype)

    return Maxima()


def plain_pooling(indices, mode):
    """Returns the pooling of PyTorch."""
    import torch
    import torch.nn.functional as F

    maps = np.random.default_rng(0).normal(size=MAPS).astype("float32")
    x = torch.tensor(maps).permute(0, 3, 1, 2).contiguous()
    pool = functools.partial(
        F.max_pool2d, kernel_size=3, stride=2, padding=1, return_indices=indices
    )
    if mode == "forward":
        return torch.no_grad()(functools.partial(pool, x))
    x.requires_grad_()

    def run():
        y = pool(x)[0] if indices else pool(x)
        return torch.autograd.grad(y, x, torch.ones_like(y))

    return run


def row_of_pooling(case, times, memory):
    """Returns a row of the table."""
    return {
        "pass": case[0],
        "plain ms": times["plain"],
        "plain with indices ms": times["plain with indices"],
        "ours without ms": times["without"],
        "ours ms": times["ours"],
        "ours / plain": times["ours"] / times["plain"],
        "ours / plain with indices": times["ours"]
        / times["plain with indices"],
        "ours / ours without": times["ours"] / times["without"],
    }


if __name__ == "__main__":
    harness.answer(
        "zfnet",
        cases=[("training",), ("inference",)],
        subjects={"plain": plain, "ours": ours},
        row=row,
    )
    harness.answer(
        "deconvnet",
        cases=[("stage5",)],
        subjects={
            "ours": ours_deconvnet,
            "forward": forward,
            "plain": plain_deconvnet,
            "plain forward": plain_forward,
        },
        row=row_of_deconvnet,
    )
    harness.answer(
        "switches",
        cases=[("forward",), ("backward",)],
        subjects={
            "plain": functools.partial(plain_pooling, False),
            "plain with indices": functools.partial(plain_pooling, True),
            "without": functools.partial(pooling, False),
            "ours": functools.partial(pooling, True),
        },
        row=row_of_pooling,
    )
