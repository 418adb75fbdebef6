"""PyTorch names of the weights of a Vision Transformer."""

import dataclasses
import itertools
import re
from typing import Any

import keras

from keras_attn.applications.vit.positions import Positions, aligned, smoothed
from keras_attn.applications.vit.refusals import refusal
from keras_attn.applications.vit.structure import (
    Layers,
    counts_prefix,
    is_norm_after_pooling,
    layers_of,
)
from keras_attn.layers.parts.attention_pooling import AttentionPooling
from keras_attn.layers.parts.position_embedding import Matrix, bilinear
from keras_attn.weights import register_names
from keras_attn.weights.layouts import Layout
from keras_attn.weights.refusals import register_refusal

# From a linear layer on the pixels of a patch,
# `(out, rows * columns * channels)`, to the equivalent convolution.
_PATCHES = Layout(
    "patches",
    lambda array, shape: array.T.reshape(shape),
    lambda array: array.reshape(-1, array.shape[-1]).T,
)


@dataclasses.dataclass(frozen=True)
class _Scheme:
    """The naming scheme of a package: prefixes before the last name part.

    Attributes:
        patches: Prefix of the patch embedding, and whether it is a linear
            layer.
        token: Name of the class token.
        places: Prefix and last part of the position embedding.
        matrix: How the package interpolates this embedding.
        block: Prefix of a block, with a field for its index from 0.
        parts: Prefixes of the layers in a block, in the order of `_PARTS`.
        queries: Last part of the weights of queries, keys and values.
        end: Prefixes of the last normalisation before and after the pooling,
            and of the classifier.
    """

    patches: tuple[str, bool]
    token: str
    places: tuple[str, str]
    matrix: Matrix
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
            found.append(("", layers["class_token"], {self.token: "same"}))
        if places := layers.get("position_embedding"):
            prefix, name = self.places
            layout = Positions(places.grid, places.before, self.matrix)
            found.append((prefix, places, {name: layout}))
        for i in itertools.count():
            if f"block{i + 1}" not in layers:
                break
            for ours, theirs in zip(_PARTS, self.parts, strict=True):
                layer = layers[f"block{i + 1}_{ours}"]
                is_attention = ours == "attention"
                layouts = {self.queries: "linear"} if is_attention else {}
                prefix = f"{self.block.format(i)}.{theirs}"
                if ours == "mlp1" and f"block{i + 1}_value" in layers:
                    prefix += "_g"
                found.append((prefix, layer, layouts))
        return [*found, *self._end(layers)]

    def _end(self, layers: Layers) -> list[tuple]:
        """Returns the names after the blocks.

        They do not affect the tokens, so checkpoints may contain more of them
        than the model.
        """
        before, after, classifier = self.end
        is_after = is_norm_after_pooling(layers)
        found: list[tuple] = []
        if "norm" in layers:
            found.append((after if is_after else before, layers["norm"]))
        elif "pool" not in layers:
            found.append((after, None))
        return [*found, (classifier, layers.get("classifier"))]


@dataclasses.dataclass(frozen=True)
class _Timm(_Scheme):
    """The naming scheme of timm, which has further forms."""

    def scale(self, layer: Any, name: str) -> tuple:
        """Returns the name of a layer scale."""
        block, number = _numbers(name)
        return f"blocks.{block}.ls{number}", layer, {"gamma": "same"}

    def names(self, layers: Layers) -> list[tuple]:
        found = super().names(layers)
        found += [
            self.scale(layer, name)
            for name, layer in layers.items()
            if _SCALE.fullmatch(name)
        ]
        found += [
            (f"blocks.{_numbers(name)[0]}.{theirs}", layer)
            for name, layer in layers.items()
            for ours, theirs in _IN_BLOCKS.items()
            if name.startswith("block") and name.endswith(ours)
        ]
        for name, part in _TOKENS.items():
            if name in layers:
                found.append(("", layers[name], {part: "same"}))
        for name, prefix in _FURTHER.items():
            if name in layers:
                found.append((prefix, layers[name]))
        if isinstance(layers.get("pool"), AttentionPooling):
            found.append(("attn_pool", layers["pool"]))
        elif "pool" not in layers:
            found.append(("attn_pool", None))
        if "classifier" not in layers:
            found.append(("head_dist", None))
        return found


@dataclasses.dataclass(frozen=True)
class _Eva(_Timm):
    """The naming scheme of timm's second module, with rotary positions."""

    def scale(self, layer: Any, name: str) -> tuple:
        block, number = _numbers(name)
        return f"blocks.{block}", layer, {f"gamma_{number}": "same"}


def _numbers(name: str) -> tuple[int, int]:
    """Returns the index of the block and the number of a layer in it."""
    block, *number = map(int, re.findall(r"\d+", name))
    return block - 1, number[0] if number else 0


_PARTS = ("norm1", "attention", "norm2", "mlp1", "mlp2")
_IN_BLOCKS = {"_value": "mlp.fc1_x", "_mlp_norm": "mlp.norm"}
_SCALE = re.compile(r"block(\d+)_scale(\d)")
_TOKENS = {"register_tokens": "reg_token", "distillation_token": "dist_token"}
_FURTHER = {
    "patch_norm": "patch_embed.norm",
    "pre_norm": "norm_pre",
    "distillation_classifier": "head_dist",
    "pool_norm": "attn_pool.norm",
    "pool_mlp1": "attn_pool.mlp.fc1",
    "pool_mlp2": "attn_pool.mlp.fc2",
}
_TIMM_PARTS = (
    ("patch_embed.proj", False),
    "cls_token",
    ("", "pos_embed"),
    smoothed,
    "blocks.{}",
    ("norm1", "attn", "norm2", "mlp.fc1", "mlp.fc2"),
    "qkv.weight",
    ("norm", "fc_norm", "head"),
)
_TIMM, _EVA = _Timm(*_TIMM_PARTS), _Eva(*_TIMM_PARTS)
_LUCIDRAINS = _Scheme(
    ("to_patch_embedding.1", True),
    "cls_token",
    ("", "pos_embedding"),
    bilinear,
    "transformer.layers.{}",
    ("0.norm", "0.fn", "1.norm", "1.fn.net.0", "1.fn.net.3"),
    "to_qkv.weight",
    ("mlp_head.0", "mlp_head.0", "mlp_head.1"),
)
_TORCHVISION = _Scheme(
    ("conv_proj", False),
    "class_token",
    ("encoder", "pos_embedding"),
    aligned,
    "encoder.layers.encoder_layer_{}",
    ("ln_1", "self_attention", "ln_2", "mlp.0", "mlp.3"),
    "in_proj_weight",
    ("encoder.ln", "encoder.ln", "heads.head"),
)


register_refusal(refusal)


@register_names
def torch_names(model: keras.Model) -> list[Any] | None:
    """Returns the naming schemes of a ViT, or `None` for other models."""
    layers = layers_of(model)
    if layers is None:
        return None
    if "position_embedding" not in layers:
        return [_EVA.names(layers)]
    if _is_further(layers):
        return [_TIMM.names(layers)]
    # In timm's names, `fc_norm` with a class token means that the mean excludes
    # this token. torchvision has no mean.
    schemes = [_LUCIDRAINS]
    if not counts_prefix(layers):
        schemes.append(_TORCHVISION)
        after_class = is_norm_after_pooling(layers) and "pooled" in layers
        if not after_class:
            schemes.insert(0, _TIMM)
    return [scheme.names(layers) for scheme in schemes]


def _is_further(layers: Layers) -> bool:
    """Returns whether only timm has the form of a model."""
    further = _TOKENS.keys() | _FURTHER.keys()
    further |= {"block1_gate", "block1_scale1", "block1_mlp_norm"}
    attention = layers["block1_attention"]
    return (
        bool(further & layers.keys())
        or attention.qk_norm
        or attention.qkv_bias == "query_value"
    )
