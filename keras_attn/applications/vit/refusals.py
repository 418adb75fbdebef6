"""Rejects checkpoints of other Vision Transformers with the same names."""

import re
from collections.abc import Collection, Iterator

import keras

from keras_attn.applications.vit.structure import (
    Layers,
    counts_prefix,
    is_norm_after_pooling,
    layers_of,
    pools_mean,
)
from keras_attn.weights.shown import quoted

# timm's names of networks with these names of weights.
_TIMM = re.compile(r"(vit|deit3?|flexivit|eva_large|beit3|aimv2)_")
_ACTIVATIONS = {
    "quick_gelu": re.compile("quickgelu"),
    "gelu_tanh": re.compile(
        r"(base_patch32|giantopt_patch16|so400m_patch16)_siglip"
        r"|large_patch16_siglip(_gap)?_512"
    ),
    "silu": re.compile(
        r"giant_patch14_(reg\d_)?(dinov2|tipsv2)"
        r"|aimv2|(_plus|_7b)_patch16_dinov3|giant_patch16_lingbot"
    ),
}
_LARGE_EPSILON = re.compile("_clip_|^beit3_|^aimv2_|_dinov3|_lingbot")
_UNSUPPORTED = {
    "_rpn_": "normalises the outputs of the branches, not their inputs",
    "_rope_": "rotates queries and keys by other angles",
    "_pe_": "rotates queries and keys by other angles",
    "test_vit3": "pools all tokens by attention, not only the patches",
}
_TOKENS = {"cls_token", "class_token", "dist_token"}


def refusal(
    model: keras.Model, names: Collection[str], architecture: str
) -> str | None:
    """Returns why a fitting checkpoint is of another network, or `None`."""
    layers = layers_of(model)
    if layers is None:
        return None
    for name, problem in _UNSUPPORTED.items():
        if name in architecture:
            stated = f"architecture={quoted(architecture)}"
            return f"{stated}, which {problem}. `ViT` does not support it."
    if _TIMM.match(architecture):
        for problem in _of_architecture(layers, architecture, names):
            return f"architecture={quoted(architecture)}, which {problem}"
    if not {"patch_embed.proj.weight", "conv_proj.weight"} & set(names):
        return None
    return _of_names(layers, names)


def _of_architecture(
    layers: Layers, architecture: str, names: Collection[str]
) -> Iterator[str]:
    """Yields what a timm network computes differently, and what to do."""
    expected = next(
        (a for a, named in _ACTIVATIONS.items() if named.search(architecture)),
        "gelu",
    )
    if _activation(layers) != expected:
        yield (
            f"uses the activation {expected!r}. Build the model with "
            f"`activation={expected!r}`."
        )
    epsilon = 1e-5 if _LARGE_EPSILON.search(architecture) else 1e-6
    if layers["block1_norm1"].epsilon != epsilon:
        yield (
            f"uses an epsilon of {epsilon}. Build the model with "
            f"`epsilon={epsilon}`."
        )
    width = layers["block1_norm1"].output.shape[-1]
    heads = heads_of(width, architecture)
    if heads not in (None, layers["block1_attention"].num_heads):
        yield f"has {heads} heads. Build the model with `num_heads={heads}`."
    if "cls_token" in names and "fc_norm.weight" not in names:
        # Both poolings are in use for DINOv3.
        if pools_mean(layers) and "_dinov3" not in architecture:
            yield (
                "classifies the class token. Build the model with "
                "`token_pooling='cls'`."
            )


def _of_names(layers: Layers, names: Collection[str]) -> str | None:
    """Returns what the names show that the model does not compute."""
    has_token = bool(_TOKENS & set(names))
    has_prefix = has_token or "reg_token" in names
    if "fc_norm.weight" in names:
        if "norm" in layers and not (
            is_norm_after_pooling(layers)
            and pools_mean(layers)
            and not counts_prefix(layers)
        ):
            return _use_patches(layers, has_token)
    elif has_prefix and counts_prefix(layers):
        return (
            "tokens before the patches, with the names of timm or torchvision. "
            "Their networks classify the class token, or a mean without such "
            "tokens, whereas the mean of this model includes them. Build the "
            "model with `token_pooling='cls'` if the network classifies the "
            "class token, and with 'patches' otherwise."
        )
    if "conv_proj.weight" in names and pools_mean(layers):
        return (
            "the names of torchvision, whose networks classify the class "
            "token. Build the model with `token_pooling='cls'`."
        )
    return None


def _use_patches(layers: Layers, has_token: bool) -> str:
    """Returns what to do about a normalisation of timm's mean."""
    reason = (
        "`fc_norm`, the normalisation after the pooling for timm's "
        "`global_pool='avg'`, a mean without the tokens before the patches. "
        "Build the model with "
    )
    if "pool" not in layers:
        return f"{reason}`norm_after_pooling=True`."
    return (
        f"{reason}`token_pooling='patches', class_token={has_token}, "
        "norm_after_pooling=True`."
    )


def _activation(layers: Layers) -> str:
    """Returns the name of the activation of the MLPs."""
    first = layers["block1_mlp1"]
    gate = layers.get("block1_gate", first)
    return getattr(gate, "activation", first.activation).__name__


def heads_of(width: int, architecture: str) -> int | None:
    """Returns the number of heads of timm's networks of a width, if known."""
    if width < 192 or width % 64:
        return None
    if architecture.startswith("aimv2") or "_7b_" in architecture:
        return width // 128
    if width <= 1024 or "_huge_plus_" in architecture:
        return width // 64
    is_giant = width == 1536 and "giantopt" not in architecture
    return 24 if is_giant else 16
