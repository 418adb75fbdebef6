"""Small tables in the format of those of the package."""

import keras
import numpy as np

ARGUMENTS = {
    "patch_size": 8,
    "hidden_dim": 8,
    "num_layers": 1,
    "num_heads": 2,
    "mlp_dim": 8,
}
RESNET = {
    "blocks": [1, 1, 1, 1],
    "filters": [8, 8, 8, 8],
    "stem_width": 4,
    "attention": {"class_name": "keras_attn>SE", "config": {"ratio": 4}},
}


def facts(**kwargs):
    return {
        "classes": 10,
        "size": [16, 16],
        "mean": [0.5, 0.4, 0.3],
        "std": [0.2, 0.3, 0.4],
        "interpolation": "bicubic",
        "license": "apache-2.0",
        "parameters": 2_418,
        **kwargs,
    }


def tag(**kwargs):
    return facts(**{"crop": 0.9, "revision": None, "sha256": None, **kwargs})


TIMM = {
    "vit_tiny": {
        "function": "ViT",
        "arguments": ARGUMENTS,
        "tags": {
            "in1k": tag(),
            "in21k": tag(classes=20),
            "nc_in1k": tag(license="cc-by-nc-4.0"),
            "features": tag(classes=0),
            "shared": tag(hub="timm/vit_fast.shared"),
        },
    },
    "vit_fast": {
        "function": "ViT",
        "arguments": {**ARGUMENTS, "epsilon": 1e-5},
        "tags": {"shared": tag(), "squashed": tag(crop_mode="squash")},
    },
    "resnet_tiny": {
        "function": "ResNet",
        "arguments": RESNET,
        "tags": {"features": tag(classes=0, size=[32, 32])},
    },
    "vit_strange": {
        "missing": "relative positions",
        "tags": {"in1k": tag()},
    },
}
TORCHVISION = {
    "ViT_T_8_Weights.IMAGENET1K_V1": {
        "function": "ViT",
        "arguments": ARGUMENTS,
        "url": "https://download.pytorch.org/models/vit_t_8-01234567.pth",
        "resize": 20,
        **facts(),
    },
}


def outputs(model):
    shape = model.input_shape[1:]
    images = np.random.default_rng(0).random((1, *shape), "float32")
    return keras.ops.convert_to_numpy(model(images))


def assert_same(model, other):
    np.testing.assert_array_equal(outputs(model), outputs(other))
