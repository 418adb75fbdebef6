"""Translates arguments of timm and torchvision into arguments of our models.

There is one function for each module. It removes each argument that it knows,
and what remains is a form that we do not have. No argument is ignored, except
those that `UNUSED` lists.
"""

from typing import Any

Arguments = dict[str, Any]

# Without effect on what a trained network outputs, or part of a tag.
UNUSED = {
    # In the table of tags.
    *("num_classes", "img_size"),
    # Initial values.
    *("zero_init_last", "weight_init", "fix_init", "head_init_scale"),
    # Only in training.
    *("drop_rate", "drop_path_rate", "drop_block_rate", "proj_drop_rate"),
    *("attn_drop_rate", "pos_drop_rate", "patch_drop_rate"),
    *("rope_shift_coords", "rope_jitter_coords", "rope_rescale_coords"),
    # The number of patches may differ from image to image.
    *("dynamic_img_size",),
}


class Missing(Exception):
    """A form that our functions do not have."""


def translate(network):
    """Returns our function and arguments for a network, or what is missing.

    Args:
        network: A `tests.pretrained.sources.Network`.

    Returns:
        A dict with `"function"` and `"arguments"`, or with `"missing"`.
    """
    arguments = {k: v for k, v in network.arguments.items() if k not in UNUSED}
    try:
        _expect(arguments, "in_chans", (3,), "images with other channels")
        function, found = _MODULES[network.module](network.cls, arguments)
        if arguments:
            raise Missing(f"the argument `{sorted(arguments)[0]}`")
    except Missing as missing:
        return {"missing": str(missing)}
    return {"function": function, "arguments": found}


def _expect(arguments, name, allowed, form):
    """Removes an argument, which must have one of some values."""
    if arguments.pop(name, allowed[0]) not in allowed:
        raise Missing(form)


def _name(value):
    """Returns the name of a class, also of a partial one, or a string."""
    value = getattr(value, "func", value)
    return value if isinstance(value, str) else getattr(value, "__name__", "")


def _only_different(found: Arguments, defaults: Arguments) -> Arguments:
    """Returns the arguments that differ from the defaults of our function."""
    return {k: v for k, v in found.items() if v != defaults.get(k, "\0")}


def resnet(cls, arguments):
    """Translates the arguments of timm's `resnet`."""
    if arguments.pop("pruned", False):
        raise Missing("pruned channels")
    block = arguments.pop("block")
    found = _residual(
        arguments,
        [_is_bottleneck(each) for each in block]
        if isinstance(block, list | tuple)
        else _is_bottleneck(block),
    )
    _expect(arguments, "block_reduce_first", (1,), "a narrower first 1x1")
    _expect(arguments, "down_kernel_size", (1,), "3x3 shortcuts")
    block_args = dict(arguments.pop("block_args", None) or {})
    attention = _attention(block_args.pop("attn_layer", None))
    if block_args:
        raise Missing(f"the argument `{sorted(block_args)[0]}` of blocks")
    return "ResNet", {**found, **attention}


def _is_bottleneck(block):
    if _name(block) not in ("BasicBlock", "Bottleneck"):
        raise Missing(f"the block `{_name(block)}`")
    return _name(block) == "Bottleneck"


def _attention(layer):
    """Translates `attn_layer`, which follows the last normalisation."""
    if layer is None:
        return {}
    if layer in ("se", "eca"):
        # timm rounds hidden units to multiples of 8, and the sizes of
        # bottlenecks divided by 16 are such multiples.
        return {"attention": layer}
    if _name(layer) == "SEModule" and set(layer.keywords) == {"rd_ratio"}:
        ratio = 1 / layer.keywords["rd_ratio"]
        if ratio == int(ratio):
            return {"attention": _block("SE", ratio=int(ratio))}
    raise Missing(f"the attention `{_name(layer)}`")


def _block(cls, **config):
    """Returns a layer as JSON that `keras_attn.layers.get` accepts."""
    return {"class_name": f"keras_attn>{cls}", "config": config}


def _residual(arguments, bottleneck):
    """Translates what all residual networks of timm have in common."""
    _expect(arguments, "output_stride", (32,), "dilated stages")
    _expect(arguments, "global_pool", ("avg",), "another pooling at the end")
    stem = arguments.pop("stem_type", "")
    stems = {"": "plain", "deep": "deep", "deep_tiered": "tiered"}
    if stem not in stems:
        raise Missing(f"the stem `{stem}`")
    stem_width = arguments.pop("stem_width", 64)
    norms = {"BatchNorm2d": "batch", "groupnorm": "group"}
    norm = _name(arguments.pop("norm_layer", "BatchNorm2d"))
    if norm not in norms:
        raise Missing(f"the normalisation `{norm}`")
    poolings = {None: "stride", "AvgPool2d": "average", "BlurPool2d": "blur"}
    pooling = arguments.pop("aa_layer", None)
    pooling = None if pooling is None else _name(pooling)
    if pooling not in poolings:
        raise Missing(f"downsampling by `{pooling}`")
    replaced = arguments.pop("replace_stem_pool", False)
    average = arguments.pop("avg_down", False)
    found = {
        "blocks": list(arguments.pop("layers")),
        "bottleneck": bottleneck,
        "filters": list(arguments.pop("channels", (64, 128, 256, 512))),
        "stem": stems[stem],
        # Only the other stems have a width.
        "stem_width": stem_width if stem else 32,
        "stem_pooling": "convolution" if replaced else "max",
        "shortcut": "average" if average else "convolution",
        "groups": arguments.pop("cardinality", 1),
        "width_per_group": arguments.pop("base_width", 64),
        "downsampling": poolings[pooling],
        "normalization": norms[norm],
        "activation": _activation(arguments, "relu"),
    }
    return {"blocks": found.pop("blocks"), **_only_different(found, _RESNET)}


# The defaults of `ResNet`.
_RESNET = {
    "bottleneck": True,
    "filters": [64, 128, 256, 512],
    "stem": "plain",
    "stem_width": 32,
    "stem_pooling": "max",
    "shortcut": "convolution",
    "groups": 1,
    "width_per_group": 64,
    "stride_in": "3x3",
    "last_stride": 2,
    "downsampling": "stride",
    "normalization": "batch",
    "activation": "relu",
}


def _activation(arguments, default):
    """Removes `act_layer`, and returns our name of it."""
    names = {
        **{"GELU": "gelu", "SiLU": "silu", "ReLU": "relu"},
        **{name: name for name in ("gelu", "gelu_tanh", "quick_gelu", "silu")},
    }
    layer = arguments.pop("act_layer", None)
    if layer is None:
        return default
    if _name(layer) not in names:
        raise Missing(f"the activation `{_name(layer)}`")
    return names[_name(layer)]


def senet(cls, arguments):
    """Translates the arguments of timm's `senet`: Caffe's SE networks."""
    arguments.clear()
    raise Missing("a max pooling without padding, which rounds sizes up")


def resnest(cls, arguments):
    """Translates the arguments of timm's `resnest`."""
    if _name(arguments.pop("block")) != "ResNestBottleneck":
        raise Missing("another block")
    options = dict(arguments.pop("block_args"))
    if options != {"radix": 2, "avd": True, "avd_first": False}:
        raise Missing(
            "split attention in fast form (pooling first, radix 1, 4)"
        )
    return "ResNet", {
        **_residual(arguments, True),
        "attention": "split_attention",
    }


def sknet(cls, arguments):
    """Translates the arguments of timm's `sknet`."""
    block = _name(arguments.pop("block"))
    if block not in ("SelectiveKernelBasic", "SelectiveKernelBottleneck"):
        raise Missing(f"the block `{block}`")
    options = dict(arguments.pop("block_args"))
    selection = dict(options.pop("sk_kwargs"))
    if options or selection.keys() != {"rd_ratio", "rd_divisor", "split_input"}:
        raise Missing("another selection of kernels")
    found = _residual(arguments, block == "SelectiveKernelBottleneck")
    groups = found.get("groups", 1)
    width = found.get("width_per_group", 64)
    attention = []
    for filters in (64, 128, 256, 512):
        channels = int(filters * width / 64) * groups
        hidden = _divisible(
            channels * selection["rd_ratio"], selection["rd_divisor"]
        )
        config = {"hidden": hidden, "split": selection["split_input"]}
        attention.append(_block("SelectiveKernel", **config))
    return "ResNet", {**found, "attention": attention}


def _divisible(value, divisor):
    """Rounds to a multiple, by at most a tenth down."""
    found = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return found if found >= 0.9 * value else found + divisor


def byobnet(cls, arguments):
    """Translates the arguments of timm's `byobnet`."""
    config = arguments.pop("cfg")
    _expect(arguments, "global_pool", ("avg",), "another pooling at the end")
    if config.head_type != "classifier":
        raise Missing("the attention pooling of CLIP's ResNets")
    if config.width_factor != 1:
        raise Missing("a width factor")
    if config.num_features or any(
        block.c != 256 * 2**i for i, block in enumerate(config.blocks)
    ):
        raise Missing("other numbers of filters")
    if any(block.gs for block in config.blocks):
        raise Missing("groups of the same size in all stages")
    if config.attn_layer:
        raise Missing("attention before the last 1x1 convolution")
    raise Missing("the names of timm's `byobnet`")


# The defaults of `ViT`.
_VIT = {
    "activation": "gelu",
    "gated_mlp": False,
    "layer_scale": None,
    "register_tokens": 0,
    "class_position": True,
    "pre_norm": False,
    "patch_bias": True,
    "qk_norm": False,
    "final_norm": True,
    "distilled": False,
    "token_pooling": "cls",
    "qkv_bias": True,
    "epsilon": 1e-6,
    "norm_after_pooling": False,
    "position": "learned",
}


def vision_transformer(cls, arguments):
    """Translates the arguments of timm's `vision_transformer`."""
    pooling = arguments.pop("global_pool", "token")
    poolings = {"token": "cls", "avg": "patches", "map": "attention"}
    if pooling not in poolings:
        raise Missing(f"the pooling `{pooling}`")
    with_prefix = arguments.pop("pool_include_prefix", False)
    after = arguments.pop("fc_norm", None)
    after = pooling == "avg" if after is None else after
    class_token = arguments.pop("class_token", True)
    registers = arguments.pop("reg_tokens", 0)
    norm = arguments.pop("norm_layer", None)
    for name in ("norm_layer", "embed_norm_layer"):
        layer = norm if name == "norm_layer" else arguments.pop(name, None)
        if layer is not None and _name(layer) != "LayerNorm":
            raise Missing("RMS normalisation")
    _expect(arguments, "proj_bias", (True,), "attention without biases")
    attention = _name(arguments.pop("attn_layer", "Attention"))
    if attention not in ("", "attn", "Attention"):
        raise Missing(f"the attention `{attention}`")
    block = _name(arguments.pop("block_fn", "Block"))
    if block != "Block":
        raise Missing(f"the block `{block}`")
    for name in ("scale_attn_norm", "scale_mlp_norm"):
        _expect(arguments, name, (False,), "normalisation inside of a branch")
    _expect(arguments, "pos_embed", ("learn",), "no position embedding")
    hidden = arguments.pop("embed_dim", 768)
    pre_norm = arguments.pop("pre_norm", False)
    mlp = _mlp(arguments, hidden)
    size = {
        "patch_size": arguments.pop("patch_size", 16),
        "hidden_dim": hidden,
        "num_layers": arguments.pop("depth", 12),
        "num_heads": arguments.pop("num_heads", 12),
        "mlp_dim": mlp.pop("mlp_dim"),
    }
    found = {
        **mlp,
        "layer_scale": arguments.pop("init_values", None),
        "register_tokens": registers,
        "class_position": not arguments.pop("no_embed_class", False),
        "pre_norm": pre_norm,
        # timm's patches have no bias before a normalisation.
        "patch_bias": not pre_norm,
        "qk_norm": arguments.pop("qk_norm", False),
        "final_norm": arguments.pop("final_norm", True),
        "token_pooling": "mean" if with_prefix else poolings[pooling],
        "class_token": class_token,
        "qkv_bias": arguments.pop("qkv_bias", True),
        "epsilon": _epsilon(norm),
        "norm_after_pooling": after,
    }
    # By default, only the pooling of the class token comes with one.
    if class_token == (found["token_pooling"] == "cls"):
        del found["class_token"]
    return "ViT", {**size, **_only_different(found, _VIT)}


def _epsilon(norm):
    return getattr(norm, "keywords", {}).get("eps", 1e-6)


def _mlp(arguments, hidden):
    """Translates the MLP of a block."""
    size = int(hidden * arguments.pop("mlp_ratio", 4.0))
    layer = arguments.pop("mlp_layer", None)
    options = dict(getattr(layer, "keywords", {}))
    activation = _activation(arguments, "gelu")
    if layer is None or _name(layer) == "Mlp":
        return {"mlp_dim": size, "activation": activation}
    # The packed form computes the gate and the values in one linear layer.
    if _name(layer) != "GluMlp" or options.pop("gate_last", True):
        raise Missing(f"the MLP `{_name(layer)}`")
    inner = _activation(options, activation)
    # The block passes its own activation, which takes precedence.
    activation = activation if activation != "gelu" else inner
    if options:
        raise Missing(f"the argument `{sorted(options)[0]}` of the MLP")
    return {
        "mlp_dim": size // 2,
        "activation": activation,
        "gated_mlp": True,
    }


def deit(cls, arguments):
    """Translates the arguments of timm's `deit`."""
    function, found = vision_transformer(cls, arguments)
    if _name(cls) == "VisionTransformerDistilled":
        found["distilled"] = True
    return function, found


def eva(cls, arguments):
    """Translates the arguments of timm's `eva`: DINOv3's networks."""
    if not arguments.pop("use_rot_pos_emb", False):
        raise Missing("queries and values with biases, but keys without")
    if arguments.pop("rope_type", "cat") != "dinov3":
        raise Missing("rotary positions other than DINOv3's")
    _expect(arguments, "rope_temperature", (100,), "another temperature")
    _expect(arguments, "rope_rotate_half", (True,), "another rotation")
    if arguments.pop("use_abs_pos_emb", True):
        raise Missing("learned positions beside rotary ones")
    _expect(arguments, "attn_type", ("eva",), "another attention")
    _expect(arguments, "qkv_fused", (True,), "separate queries")
    if arguments.pop("qkv_bias", True):
        raise Missing("queries and values with biases, but keys without")
    pooling = {"avg": "patches", "token": "cls"}[
        arguments.pop("global_pool", "avg")
    ]
    if arguments.pop("use_fc_norm", pooling == "patches"):
        raise Missing("another last normalisation")
    hidden, gated = (
        arguments.pop("embed_dim"),
        arguments.pop("swiglu_mlp", False),
    )
    mlp = int(hidden * arguments.pop("mlp_ratio", 4))
    mlp += -mlp % (arguments.pop("swiglu_align_to", 0) or 1)
    norm = arguments.pop("norm_layer", None)
    if norm is not None and _name(norm) != "LayerNorm":
        raise Missing("RMS normalisation")
    size = {
        "patch_size": arguments.pop("patch_size"),
        "hidden_dim": hidden,
        "num_layers": arguments.pop("depth"),
        "num_heads": arguments.pop("num_heads"),
        "mlp_dim": mlp,
    }
    found = {
        "activation": "silu" if gated else "gelu",
        "gated_mlp": gated,
        "layer_scale": arguments.pop("init_values", None),
        "register_tokens": arguments.pop("num_reg_tokens", 0),
        "token_pooling": pooling,
        "class_token": True,
        "qkv_bias": False,
        "epsilon": _epsilon(norm),
        "position": "rotary",
    }
    if pooling == "cls":
        del found["class_token"]
    return "ViT", {**size, **_only_different(found, _VIT)}


def torchvision_resnet(cls, arguments):
    """Translates the arguments of torchvision's ResNets."""
    block = _name(arguments.pop("block"))
    found = {
        "blocks": list(arguments.pop("layers")),
        "bottleneck": block == "Bottleneck",
        "groups": arguments.pop("groups", 1),
        "width_per_group": arguments.pop("width_per_group", 64),
    }
    return "ResNet", _only_different(found, _RESNET)


def torchvision_vit(cls, arguments):
    """Translates the arguments of torchvision's Vision Transformers."""
    names = ("patch_size", "hidden_dim", "num_layers", "num_heads", "mlp_dim")
    arguments.pop("image_size")
    return "ViT", {name: arguments.pop(name) for name in names}


_MODULES = {
    "byobnet": byobnet,
    "deit": deit,
    "eva": eva,
    "resnest": resnest,
    "resnet": resnet,
    "senet": senet,
    "sknet": sknet,
    "vision_transformer": vision_transformer,
    "torchvision.resnet": torchvision_resnet,
    "torchvision.vision_transformer": torchvision_vit,
}
