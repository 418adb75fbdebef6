"""PyTorch names of the weights of a Vision Transformer."""

import dataclasses
import itertools
import re
from collections.abc import Collection, Sequence
from math import isqrt
from typing import Any

import keras
import numpy as np

from keras_attn.layers.parts.gelu import gelu_tanh
from keras_attn.layers.parts.position_embedding import interpolated
from keras_attn.weights import register_names
from keras_attn.weights.layouts import Layout, Shape
from keras_attn.weights.refusals import register_refusal
from keras_attn.weights.shown import quoted

Layers = dict[str, keras.layers.Layer]

# timm's names for networks with `act_layer="gelu_tanh"`.
_TANH = re.compile(
    r"(base_patch32|giantopt_patch16|so400m_patch16)_siglip"
    r"|large_patch16_siglip(_gap)?_512"
)

# From a linear layer on the pixels of a patch,
# `(out, rows * columns * channels)`, to the equivalent convolution.
_PATCHES = Layout(
    "patches",
    lambda array, shape: array.T.reshape(shape),
    lambda array: array.reshape(-1, array.shape[-1]).T,
)


class _Positions(Layout):
    """The layout of a position embedding, possibly for another grid.

    Checkpoints do not state their grid, so it is assumed to be a square.
    """

    before: int

    def __init__(self, grid: Sequence[int], before: int):
        def to_keras(array: np.ndarray, shape: Shape) -> np.ndarray:
            if array.shape == tuple(shape):
                return array
            side = isqrt(array.shape[1] - before)
            return interpolated(array, (side, side), grid)

        super().__init__(f"positions{tuple(grid)}", to_keras, lambda x: x)
        object.__setattr__(self, "before", before)

    def fit(self, array: np.ndarray, keras_shape: Shape) -> np.ndarray:
        if array.ndim != 3 or array.shape[::2] != tuple(keras_shape)[::2]:
            return super().fit(array, keras_shape)
        places = array.shape[1] - self.before
        same = array.shape == tuple(keras_shape)
        if same or (places > 0 and isqrt(places) ** 2 == places):
            return np.asarray(array)
        return super().fit(array, keras_shape)


@dataclasses.dataclass(frozen=True)
class _Scheme:
    """The naming scheme of a package: prefixes before the last name part.

    Attributes:
        patches: Prefix of the patch embedding, and whether it is a linear
            layer.
        places: Prefix and last part of the position embedding.
        block: Prefix of a block, with a field for its index from 0.
        parts: Prefixes of the layers in a block, in the order of `_PARTS`.
        queries: Last part of the weights of queries, keys and values.
        end: Prefixes of the last normalisation before and after the pooling,
            and of the classifier.
    """

    patches: tuple[str, bool]
    places: tuple[str, str]
    block: str
    parts: tuple[str, ...]
    queries: str
    end: tuple[str, str, str]

    def names(self, layers: Layers) -> list[tuple]:
        """Returns the names of a model's layers, for `register_names`."""
        prefix, is_linear = self.patches
        layouts = {"weight": _PATCHES} if is_linear else {}
        found: list[tuple] = [(prefix, layers["patch_embedding"], layouts)]
        if "class_token" in layers:
            found.append(("", layers["class_token"]))
        prefix, name = self.places
        places = layers["position_embedding"]
        layout = _Positions(places.grid, places.before)
        found.append((prefix, places, {name: layout}))
        for i in itertools.count():
            if f"block{i + 1}" not in layers:
                break
            for ours, theirs in zip(_PARTS, self.parts, strict=True):
                layer = layers[f"block{i + 1}_{ours}"]
                is_attention = ours == "attention"
                layouts = {self.queries: "linear"} if is_attention else {}
                prefix = f"{self.block.format(i)}.{theirs}"
                found.append((prefix, layer, layouts))
        before, after, classifier = self.end
        if "norm" in layers:
            found.append((after if _pooled(layers) else before, layers["norm"]))
        else:
            found.append((after, None))
        return [*found, (classifier, layers.get("classifier"))]


def _pooled(layers: Layers) -> bool:
    """Returns whether the last normalisation follows the pooling."""
    return "norm" in layers and len(layers["norm"].output.shape) == 2


def _counts_class_token(layers: Layers) -> bool:
    """Returns whether the classifier's mean includes the class token."""
    return "class_token" in layers and isinstance(
        layers.get("pool"), keras.layers.GlobalAveragePooling1D
    )


_PARTS = ("norm1", "attention", "norm2", "mlp1", "mlp2")
_SCHEMES = (
    # timm.
    _Scheme(
        ("patch_embed.proj", False),
        ("", "pos_embed"),
        "blocks.{}",
        ("norm1", "attn", "norm2", "mlp.fc1", "mlp.fc2"),
        "qkv.weight",
        ("norm", "fc_norm", "head"),
    ),
    # lucidrains.
    _Scheme(
        ("to_patch_embedding.1", True),
        ("", "pos_embedding"),
        "transformer.layers.{}",
        ("0.norm", "0.fn", "1.norm", "1.fn.net.0", "1.fn.net.3"),
        "to_qkv.weight",
        ("mlp_head.0", "mlp_head.0", "mlp_head.1"),
    ),
    # torchvision.
    _Scheme(
        ("conv_proj", False),
        ("encoder", "pos_embedding"),
        "encoder.layers.encoder_layer_{}",
        ("ln_1", "self_attention", "ln_2", "mlp.0", "mlp.3"),
        "in_proj_weight",
        ("encoder.ln", "encoder.ln", "heads.head"),
    ),
)


@register_names
def torch_names(model: keras.Model) -> list[Any] | None:
    """Returns the naming schemes of a ViT, or `None` for other models."""
    layers = _layers(model)
    if layers is None:
        return None
    # In timm's names, `fc_norm` with a class token means that the mean excludes
    # this token. torchvision has no mean.
    timm, lucidrains, torchvision = _SCHEMES
    schemes = [lucidrains]
    if not _counts_class_token(layers):
        schemes.append(torchvision)
        if "class_token" not in layers or not _pooled(layers):
            schemes.insert(0, timm)
    return [scheme.names(layers) for scheme in schemes]


@register_refusal
def refusal(
    model: keras.Model, names: Collection[str], architecture: str
) -> str | None:
    """Returns why a fitting checkpoint is of another network, or `None`."""
    layers = _layers(model)
    if layers is None:
        return None
    stated = f"architecture={quoted(architecture)}"
    if "quickgelu" in architecture:
        return f"{stated}, which uses quick-GELU. `ViT` does not support it."
    exact = layers["block1_mlp1"].activation is not gelu_tanh
    if exact and _TANH.search(architecture):
        return (
            f"{stated}, which uses the tanh approximation of GELU. Build the "
            "model with `approximate_gelu=True`."
        )
    if not {"patch_embed.proj.weight", "conv_proj.weight"} & (set(names)):
        return None
    has_token = bool({"cls_token", "class_token"} & set(names))
    if "fc_norm.weight" in names:
        if has_token and "norm" in layers:
            return (
                "`fc_norm` and `cls_token`, as for timm's `global_pool='avg'`. "
                "This normalises the mean of all tokens but the class token, "
                "which `ViT` does not support. To obtain the tokens before the "
                "mean, use `ViT(include_top=False, norm_after_pooling=True)`."
            )
        if "norm" in layers and not _pooled(layers):
            return (
                "`fc_norm`, the normalisation after the pooling for timm's "
                "`global_pool='avg'`. Build the model with "
                "`token_pooling='mean', class_token=False, "
                "norm_after_pooling=True`."
            )
    if has_token and _counts_class_token(layers):
        return (
            "a class token with the names of timm or torchvision. Their "
            "networks classify that token, or a mean without it, whereas the "
            "mean of this model includes it. Build the model with "
            "`token_pooling='cls'` if the network classifies the token."
        )
    return None


def _layers(model: keras.Model) -> Layers | None:
    """Returns the layers of a ViT by name, or `None` for other models."""
    layers = {layer.name: layer for layer in model.layers}
    is_one = {"patch_embedding", "position_embedding"} <= layers.keys()
    return layers if is_one else None
