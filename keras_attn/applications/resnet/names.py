"""PyTorch names of the weights of a ResNet."""

from collections.abc import Collection
from typing import Any

import keras

from keras_attn.applications.resnet import refusals, spelling
from keras_attn.weights import register_names
from keras_attn.weights.refusals import register_refusal


@register_names
def torch_names(model: keras.Model) -> list[Any] | None:
    """Returns the naming schemes of a ResNet, or `None` for other models."""
    layers = _layers(model)
    if layers is None:
        return None
    return [each.names(layers) for each in spelling.of(layers)]


@register_refusal
def refusal(
    model: keras.Model, names: Collection[str], architecture: str
) -> str | None:
    """Returns why a fitting checkpoint is of another network, or `None`."""
    layers = _layers(model)
    if layers is None:
        return None
    return refusals.why(layers, names, architecture)


def _layers(model: keras.Model) -> spelling.Layers | None:
    """Returns the layers of a ResNet by name, or `None` for other models."""
    layers = {layer.name: layer for layer in model.layers}
    # Attention may replace one of these.
    first = {"stage1_block1_conv1", "stage1_block1_conv2"}
    is_one = "stem" in layers and not first.isdisjoint(layers)
    return layers if is_one else None
