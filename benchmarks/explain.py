"""Class activation maps of a ResNet-50, relative to its forward pass."""

import functools

import numpy as np

from benchmarks import harness


@functools.cache
def pair():
    """Returns the plain PyTorch network, and our model with its weights."""
    import torch

    from benchmarks.plain.resnet import ResNet50 as Plain
    from keras_attn.applications import ResNet50
    from keras_attn.weights import load_torch

    torch.manual_seed(0)
    plain = Plain().eval()
    model = ResNet50()
    load_torch(model, plain.state_dict())
    return plain, model


def data(count):
    """Returns images and one class per image."""
    random = np.random.default_rng(0)
    images = random.normal(size=(count, 224, 224, 3)).astype("float32")
    return images, random.integers(0, 1000, count)


def ours_grad_cam(method, batch):
    """Returns our Grad-CAM.

    Raises:
        AssertionError: If its maps differ from those of plain PyTorch.
    """
    from keras_attn.explain import GradCAM

    images, classes = data(batch)
    cam = GradCAM(pair()[1])
    expected = plain_grad_cam(method, batch)()
    np.testing.assert_allclose(cam(images, classes), expected, atol=1e-4)
    return lambda: cam(images, classes)


def forward(method, batch):
    """Returns `predict_on_batch` of our model."""
    return functools.partial(pair()[1].predict_on_batch, data(batch)[0])


def plain_grad_cam(method, batch):
    """Returns Grad-CAM in plain PyTorch."""
    import torch

    from benchmarks.plain.grad_cam import grad_cam

    plain = pair()[0]
    images, classes = map(torch.tensor, data(batch))
    images = images.permute(0, 3, 1, 2).contiguous()
    return lambda: grad_cam(plain, plain.layer4, images, classes)


def plain_forward(method, batch):
    """Returns the inference pass of plain PyTorch."""
    import torch

    images = torch.tensor(data(batch)[0]).permute(0, 3, 1, 2).contiguous()
    return torch.no_grad()(functools.partial(pair()[0], images))


def row_of_grad_cam(case, times, memory):
    """Returns a row of the table."""
    ours, forward = times["ours"], times["forward"]
    plain, plain_forward = times["plain"], times["plain forward"]
    return {
        "ours ms": ours,
        "forward ms": forward,
        "plain ms": plain,
        "plain forward ms": plain_forward,
        "ours / forward": ours / forward,
        "plain / plain forward": plain / plain_forward,
        "ours / plain": ours / plain,
    }


def ours_score_cam(method, channels, batch):
    """Returns our Score-CAM of one image with `channels` channels."""
    from keras_attn.explain import ScoreCAM

    cam = ScoreCAM(pair()[1], top_k=channels)
    return functools.partial(cam, *data(1), batch_size=batch)


def passes(method, channels, batch):
    """Returns the inference of `channels` masked images, in batches."""
    model = pair()[1]
    masks = np.random.default_rng(0).random((channels, 224, 224, 1), "float32")
    batches = np.split(masks * data(1)[0], channels // batch)
    return lambda: [model.predict_on_batch(images) for images in batches]


def row_of_score_cam(case, times, memory):
    """Returns a row of the table."""
    return {
        "ours ms": times["ours"],
        "passes ms": times["passes"],
        "ours / passes": times["ours"] / times["passes"],
    }


if __name__ == "__main__":
    harness.answer(
        "grad_cam",
        cases=[("grad_cam", 4)],
        subjects={
            "ours": ours_grad_cam,
            "forward": forward,
            "plain": plain_grad_cam,
            "plain forward": plain_forward,
        },
        row=row_of_grad_cam,
    )
    harness.answer(
        "score_cam",
        cases=[("score_cam", 64, 16)],
        subjects={"ours": ours_score_cam, "passes": passes},
        row=row_of_score_cam,
    )
