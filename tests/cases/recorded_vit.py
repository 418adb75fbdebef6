"""Other Vision Transformers, whose weights and outputs were recorded."""

from keras_attn.applications import ViT
from keras_attn.weights import load_torch
from tests.contracts.cases import keras_setting
from tests.goldens import load_golden, vit_weights

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

# The arguments of the networks in `timm_vit_forms`.
FORMS = {
    "aimv2": {
        "token_pooling": "patches",
        "qkv_bias": False,
        "use_bias": False,
        "activation": "silu",
        "gated_mlp": "separate",
        "normalization": "rms",
        "patch_norm": True,
        "epsilon": 1e-5,
    },
    "beit3": {
        "token_pooling": "patches",
        "class_token": True,
        "norm_after_pooling": True,
        "inner_norm": True,
        "epsilon": 1e-5,
    },
    "clip": {
        "pre_norm": True,
        "patch_bias": False,
        "activation": "quick_gelu",
        "epsilon": 1e-5,
    },
    "deit3": {
        "layer_scale": 1e-6,
        "class_position": False,
        "final_norm": False,
    },
    "dinov3": {
        "position": "rotary",
        "token_pooling": "patches",
        "class_token": True,
        "register_tokens": 4,
        "qkv_bias": "query_value",
        "gated_mlp": "separate",
        "activation": "silu",
        "layer_scale": 1e-5,
        "epsilon": 1e-5,
    },
    "distilled": {"distilled": True},
    "giant": {
        "gated_mlp": True,
        "activation": "silu",
        "layer_scale": 1e-5,
        "register_tokens": 4,
        "class_position": False,
        "qk_norm": True,
    },
    "mean": {
        "token_pooling": "patches",
        "class_token": True,
        "register_tokens": 2,
        "norm_after_pooling": True,
        "qkv_bias": False,
    },
    "siglip": {"token_pooling": "attention", "activation": "gelu_tanh"},
    "siglip_features": {
        "token_pooling": "attention",
        "register_tokens": 1,
        "classes": 0,
    },
}
SMALLEST = {
    **SMALL,
    "hidden_dim": 12,
    "num_layers": 1,
    "mlp_dim": 24,
}


def in_form(name, data_format="channels_last", **kwargs):
    """Returns a model in one of these forms."""
    shape = (32, 24, 3) if data_format == "channels_last" else (3, 32, 24)
    kwargs = {"input_shape": shape, **SMALLEST, **FORMS[name], **kwargs}
    with keras_setting("image_data_format", data_format):
        return ViT(**kwargs)


def form_weights(name):
    """Returns the weights of a recorded form."""
    shapes = load_golden("timm_vit_forms")["meta"]["shapes"][name]
    return vit_weights(shapes)


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
