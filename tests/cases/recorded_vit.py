"""Other Vision Transformers, whose weights and outputs were recorded."""

from keras_attn.applications import ViT
from keras_attn.weights import load_torch
from tests.contracts.cases import keras_setting
from tests.goldens import load_golden

SMALL = {
    "patch_size": 8,
    "hidden_dim": 24,
    "num_layers": 2,
    "num_heads": 3,
    "classes": 5,
    "classifier_activation": None,
}


RECORDED = {
    "timm_vit": {"mlp_dim": 96},
    "timm_vit_gap": {
        "mlp_dim": 48,
        "token_pooling": "mean",
        "norm_after_pooling": True,
    },
    "vit_reference": {"mlp_dim": 40, "form": "lucidrains", "head_dim": 8},
    "vit_reference_mean": {
        "mlp_dim": 40,
        "form": "lucidrains",
        "token_pooling": "mean",
    },
}


def images(golden):
    """Returns the recorded images, channels last."""
    return golden["x"].transpose(0, 2, 3, 1)


def loaded(name, data_format="channels_last"):
    """Returns a golden and a model with its weights."""
    golden = load_golden(name)
    shape = images(golden).shape[1:]
    with keras_setting("image_data_format", data_format):
        if data_format == "channels_first":
            shape = shape[2], *shape[:2]
        model = ViT(input_shape=shape, **SMALL, **RECORDED[name])
    load_torch(model, golden["weights"])
    return golden, model
