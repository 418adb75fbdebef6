"""Tiny networks and checkpoints, for tests of names."""

from keras_attn.applications import ViT
from keras_attn.weights import to_torch
from tests.cases.recorded_vit import SMALL

MEAN = {"token_pooling": "mean", "class_token": True}
AFTER = {"norm_after_pooling": True}


def tiny(**kwargs):
    """Returns a model with random weights, unless some are given."""
    standard = {**SMALL, "input_shape": (16, 16, 3), "mlp_dim": 8}
    return ViT(**{**standard, **kwargs})


def of_timm(fc_norm=False, class_token=True, **kwargs):
    """Returns the weights of a timm network with some options."""
    arrays = to_torch(tiny(**kwargs))
    if fc_norm:
        for kind in ("weight", "bias"):
            arrays[f"fc_norm.{kind}"] = arrays.pop(f"norm.{kind}")
    if not class_token:
        del arrays["cls_token"]
        arrays["pos_embed"] = arrays["pos_embed"][:, 1:]
    return arrays
