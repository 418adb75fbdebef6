"""PyTorch names of the weights of FERNet."""

from typing import Any

import keras

from keras_attn.applications.fernet.model import STAGES
from keras_attn.layers import FeatureAct
from keras_attn.weights import register_names
from keras_attn.weights.layouts import flattened


@register_names
def torch_names(model: keras.Model) -> list[Any] | None:
    """Returns the reference names of a FERNet, or `None` for other models."""
    layers = {layer.name: layer for layer in model.layers}
    last = layers.get(f"stage{len(STAGES)}")
    if not isinstance(last, FeatureAct):
        return None
    names = []
    for stage in range(len(STAGES)):
        for i, suffix in ((1, ""), (2, "b")):
            block = layers[f"stage{stage + 1}_conv{i}"]
            names.append((f"conv{stage}{suffix}", block.convolution))
            names.append((f"bn{stage}{suffix}", block.normalization))
        names.append((f"fact{stage}", layers[f"stage{stage + 1}"]))
    if "hidden" in layers:
        rows = flattened(*last.size, STAGES[-1])
        names.append(("classifier.1", layers["hidden"], {"weight": rows}))
    else:
        names.append(("classifier.1", None))
    # The gaps are the reference's activations.
    top = {2: "hidden_bn", 4: "embedding", 5: "embedding_bn"}
    for index, name in {**top, 7: "classifier", 8: "logits"}.items():
        names.append((f"classifier.{index}", layers.get(name)))
    return names
