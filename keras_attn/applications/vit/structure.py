"""Finds the layers of a Vision Transformer, and what its classifier takes."""

from typing import Any

import keras

Layers = dict[str, Any]


def layers_of(model: keras.Model) -> Layers | None:
    """Returns the layers of a ViT by name, or `None` for other models."""
    layers = {layer.name: layer for layer in model.layers}
    is_one = {"patch_embedding", "tokens", "block1_attention"} <= layers.keys()
    return layers if is_one else None


def is_norm_after_pooling(layers: Layers) -> bool:
    """Returns whether the last normalisation follows the pooling."""
    return "norm" in layers and len(layers["norm"].output.shape) == 2


def pools_mean(layers: Layers) -> bool:
    """Returns whether the classifier takes a mean of tokens."""
    pool = layers.get("pool")
    return isinstance(pool, keras.layers.GlobalAveragePooling1D)


def counts_prefix(layers: Layers) -> bool:
    """Returns whether that mean includes tokens before the patches."""
    patches = layers["tokens"].output.shape[1]
    return pools_mean(layers) and layers["pool"].input.shape[1] > patches
