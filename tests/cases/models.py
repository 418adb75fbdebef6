"""The models."""

from unittest import mock

import numpy as np

from keras_attn.applications import (
    DeepLabASC,
    DeepLabLargeFOV,
    FERNet,
    ResNet,
    ResNetCIFAR,
    ViT,
    ZFNet,
)
from keras_attn.applications.deeplab import graph as deeplab_graph
from tests.contracts import ModelCase
from tests.contracts.cases import draw_weights

FERNET = ModelCase(
    function=FERNet,
    shape=(16, 16, 1),
    num_weights=84,
    in_float32=("predictions",),
)
RESNET = ModelCase(
    function=ResNetCIFAR,
    kwargs={"depth": 8, "attention": "se", "classes": 3},
    shape=(9, 8, 3),
    # 9 convolutions with normalisation, 3 SE blocks and the classifier.
    num_weights=9 * 3 + 3 * 4 + 2,
    in_float32=("predictions",),
)
RESNET_FORMS = ModelCase(
    function=ResNet,
    name="resnet_forms",
    kwargs={
        "blocks": (1, 1, 1, 1),
        "filters": (4, 4, 4, 8),
        "stem": "tiered",
        "stem_width": 4,
        "shortcut": "average",
        "groups": 2,
        "downsampling": "blur",
        "normalization": "group",
        "activation": "silu",
        "classes": 3,
    },
    shape=(33, 40, 3),
    # 3 convolutions with normalisation in the stem and 4 in each stage, and
    # the classifier.
    num_weights=(3 + 4 * 4) * 3 + 2,
    in_float32=("predictions",),
)


def narrow(function):
    """Returns a function that makes a DeepLab with few channels and layers.

    The widths of VGG16 are not arguments. Drawing and compiling the full model
    for each check would take minutes.
    """
    stages = ((4, 1), (4, 1), (4, 1), (6, 1), (6, 1))

    def make(**kwargs):
        with mock.patch.object(deeplab_graph, "STAGES", stages):
            return function(classes=3, filters=8, **kwargs)

    make.__name__ = function.__name__
    return make


def drawn(function, **kwargs):
    """Returns such a model with random weights, for images of any size."""
    model = narrow(function)(**{"input_shape": (None, None, 3)} | kwargs)
    draw_weights(model, np.random.default_rng(0))
    return model


def noise(height, width):
    """Returns two random images."""
    random = np.random.default_rng(1)
    return random.normal(size=(2, height, width, 3)).astype("float32")


LARGEFOV = ModelCase(
    function=narrow(DeepLabLargeFOV),
    shape=(17, 25, 3),
    # 5 convolutions, fc6, fc7 and the classifier, all with biases.
    num_weights=2 * 8,
    random=True,
    in_float32=("predictions",),
)
ASC = ModelCase(
    function=narrow(DeepLabASC),
    # Gradients of probabilities would be small differences of large terms.
    kwargs={
        "attention_filters": 4,
        "scales": (1, 0.5),
        "classifier_activation": None,
    },
    shape=(17, 25, 3),
    # The same, shared by both scales, and two convolutions of the attention.
    num_weights=2 * 8 + 4,
    random=True,
    in_float32=("predictions",),
)
ZFNET = ModelCase(
    function=ZFNet,
    kwargs={
        "small_images": True,
        "filters": (4, 6, 6, 6, 4),
        "units": 8,
        "classes": 3,
    },
    shape=(9, 13, 3),
    # 5 convolutions and 3 linear layers, all with biases.
    num_weights=2 * 8,
    random=True,
    in_float32=("predictions",),
)
VIT = ModelCase(
    function=ViT,
    kwargs={
        "patch_size": (4, 3),
        "hidden_dim": 12,
        "num_layers": 2,
        "num_heads": 3,
        "mlp_dim": 16,
        "classes": 3,
        "dropout": 0.25,
    },
    shape=(8, 9, 3),
    # Patches, class token and position embedding; two normalisations and four
    # linear layers in each block; final normalisation and head.
    num_weights=2 + 1 + 1 + 2 * (4 + 8) + 2 + 2,
    random=True,
    in_float32=("predictions",),
)
# All parts that the default form lacks.
VIT_FORMS = ModelCase(
    function=ViT,
    name="vit_forms",
    kwargs={
        "patch_size": (4, 3),
        "hidden_dim": 12,
        "num_layers": 2,
        "num_heads": 3,
        "mlp_dim": 16,
        "classes": 3,
        "dropout": 0.25,
        "token_pooling": "attention",
        "activation": "silu",
        "gated_mlp": True,
        "layer_scale": 0.1,
        "register_tokens": 2,
        "pre_norm": True,
        "patch_bias": False,
        "qkv_bias": "query_value",
        "qk_norm": True,
        "inner_norm": True,
        "patch_norm": True,
        "position": "rotary",
    },
    shape=(8, 9, 3),
    # Patches, registers and two normalisations; six normalisations, four
    # linear layers, one of them with two biases, and two scales in each block;
    # final normalisation; pooling, with its normalisation and MLP; head.
    num_weights=1 + 1 + 4 + 2 * (12 + 9 + 2) + 2 + 7 + 2 + 4 + 2,
    random=True,
    in_float32=("predictions",),
)
