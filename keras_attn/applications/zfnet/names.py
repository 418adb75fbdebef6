"""PyTorch names of the weights of ZF-Net."""

from typing import Any

import keras

from keras_attn.weights import register_names
from keras_attn.weights.layouts import flattened


@register_names
def torch_names(model: keras.Model) -> list[Any] | None:
    """Returns the PyTorch names of a ZF-Net, or `None` for other models."""
    layers = {layer.name: layer for layer in model.layers}
    if "stage5_conv" not in layers or "stage3" not in layers:
        return None
    convolutions = ("stage1_conv", "stage2_conv", "stage3", "stage4")
    names: list[tuple] = [
        (f"layer{i}", layers[name])
        for i, name in enumerate((*convolutions, "stage5_conv"), start=1)
    ]
    if "fc6" in layers:
        stage5 = layers["stage5"]
        shape = stage5.output.shape[1:]
        if stage5.data_format == "channels_first":
            shape = *shape[1:], shape[0]
        names.append(("layer6", layers["fc6"], {"weight": flattened(*shape)}))
    else:
        names.append(("layer6", None))
    for name, layer in {"layer7": "fc7", "output": "classifier"}.items():
        names.append((name, layers.get(layer)))
    return names
