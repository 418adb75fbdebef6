"""PyTorch names of the weights of DeepLab and VGG16."""

from typing import Any

import keras

from keras_attn.applications.deeplab.graph import SKIPS, STAGES
from keras_attn.weights import register_names
from keras_attn.weights.layouts import subsampled, subsampled_units

Layers = dict[str, keras.layers.Layer]

# The units of VGG16's linear layers.
_UNITS = 4096


@register_names
def torch_names(model: keras.Model) -> list[Any] | None:
    """Returns the naming schemes of a DeepLab, or `None` for other models."""
    layers = {layer.name: layer for layer in model.layers}
    if "stage5_conv3" not in layers or "fc7" not in layers:
        return None
    heads = [name for name in layers if name.startswith("classifier_scale_")]
    if heads:
        backbones = [_lists(len(heads))]
    elif "attention" in layers:
        backbones = [["backbone."]]
    else:
        # Features of one or several scales. The checkpoint is of a network of
        # one scale, or of one that lists the same weights for each scale.
        backbones = [[""], _lists(len(model.outputs))]
    return [
        *(_reference(layers, heads, prefixes) for prefixes in backbones),
        _caffe(layers),
        _torchvision(layers),
    ]


def _lists(count: int) -> list[str]:
    """Returns the name prefix of each scale."""
    return [f"backbones.{i}." for i in range(count)]


def _convolutions() -> list[tuple[int, int]]:
    return [
        (stage, i)
        for stage, (_, count) in enumerate(STAGES, start=1)
        for i in range(1, count + 1)
    ]


def _reference(
    layers: Layers, heads: list[str], backbones: list[str]
) -> list[tuple]:
    """Returns the names of the reference code.

    The reference does not register its lists of classifiers and of backbones
    (one shared backbone for all scales). These are the names that registered
    lists would have.
    """
    names = []
    for backbone in backbones:
        for stage, i in _convolutions():
            name = f"{backbone}features{stage}.{i - 1}.0"
            names.append((name, layers[f"stage{stage}_conv{i}"]))
        names.append((f"{backbone}fc6.0.0", layers["fc6"]))
        names.append((f"{backbone}fc7.0", layers["fc7"]))
        names += _skips(layers, backbone)
    for i, head in enumerate(heads):
        names.append((f"score_map1.{i}.0.0", layers[head]))
    if not heads:
        names.append(("score_map1", None))
    names.append(("fc8", layers.get("classifier")))
    names.append(("score_map2", layers.get("attention")))
    return names


def _skips(layers: Layers, prefix: str = "") -> list[tuple]:
    """Returns names of skip connections, which neither code contains."""
    return [
        (f"{prefix}skip_{source}.{i}", layers[f"skip_{source}_conv{i + 1}"])
        for source in SKIPS
        for i in range(2)
        if f"skip_{source}_conv{i + 1}" in layers
    ]


def _caffe(layers: Layers) -> list[tuple]:
    """Returns the names of Caffe's VGG16 and DeepLab."""
    names = [
        (f"conv{stage}_{i}", layers[f"stage{stage}_conv{i}"])
        for stage, i in _convolutions()
    ]
    return [*names, *_linear(layers, "fc6", "fc7", "fc8")]


def _torchvision(layers: Layers) -> list[tuple]:
    """Returns the names of torchvision's VGG16."""
    names, index = [], 0
    for stage, i in _convolutions():
        names.append((f"features.{index}", layers[f"stage{stage}_conv{i}"]))
        # A ReLU follows and, at the end of a stage, the pooling.
        index += 3 if i == STAGES[stage - 1][1] else 2
    return [
        *names,
        *_linear(layers, "classifier.0", "classifier.3", "classifier.6"),
    ]


def _linear(layers: Layers, fc6: str, fc7: str, fc8: str) -> list[tuple]:
    """Returns the names of layers that VGG16 has as linear layers."""
    bias = {"bias": subsampled_units(_UNITS)}
    channels = STAGES[-1][0]
    names: list[tuple] = [
        (
            fc6,
            layers["fc6"],
            {"weight": subsampled(7, 7, channels, _UNITS), **bias},
        ),
        (
            fc7,
            layers["fc7"],
            {"weight": subsampled(1, 1, _UNITS, _UNITS), **bias},
        ),
        # The classifier for ImageNet's classes is not used.
        (fc8, None),
        *_skips(layers),
    ]
    names.append(("fc8_voc12", layers.get("classifier")))
    for name, layer in layers.items():
        if name.startswith("classifier_scale_"):
            names.append((name.replace("classifier", "fc8"), layer))
    names.append(("attention", layers.get("attention")))
    return names
