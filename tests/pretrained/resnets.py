"""Translates arguments of ResNets of timm and torchvision.

There is one function for each module. It removes each argument that it knows.
"""

from tests.pretrained.forms import (
    Missing,
    activation_of,
    different,
    expect,
    name_of,
)


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
    expect(arguments, "block_reduce_first", (1,), "a narrower first 1x1")
    expect(arguments, "down_kernel_size", (1,), "3x3 shortcuts")
    block_args = dict(arguments.pop("block_args", None) or {})
    attention = _attention(block_args.pop("attn_layer", None))
    if block_args:
        raise Missing(f"the argument `{sorted(block_args)[0]}` of blocks")
    return "ResNet", {**found, **attention}


def _is_bottleneck(block):
    if name_of(block) not in ("BasicBlock", "Bottleneck"):
        raise Missing(f"the block `{name_of(block)}`")
    return name_of(block) == "Bottleneck"


def _attention(layer):
    """Translates `attn_layer`, which follows the last normalisation."""
    if layer is None:
        return {}
    if layer in ("se", "eca"):
        # timm rounds hidden units to multiples of 8, and the sizes of
        # bottlenecks divided by 16 are such multiples.
        return {"attention": layer}
    if name_of(layer) == "SEModule" and set(layer.keywords) == {"rd_ratio"}:
        ratio = 1 / layer.keywords["rd_ratio"]
        if ratio == int(ratio):
            return {"attention": _block("SE", ratio=int(ratio))}
    raise Missing(f"the attention `{name_of(layer)}`")


def _block(cls, **config):
    """Returns a layer as JSON that `keras_attn.layers.get` accepts."""
    return {"class_name": f"keras_attn>{cls}", "config": config}


def _residual(arguments, bottleneck):
    """Translates what all residual networks of timm have in common."""
    expect(arguments, "output_stride", (32,), "dilated stages")
    expect(arguments, "global_pool", ("avg",), "another pooling at the end")
    stem = arguments.pop("stem_type", "")
    stems = {"": "plain", "deep": "deep", "deep_tiered": "tiered"}
    if stem not in stems:
        raise Missing(f"the stem `{stem}`")
    stem_width = arguments.pop("stem_width", 64)
    norms = {"BatchNorm2d": "batch", "groupnorm": "group"}
    norm = name_of(arguments.pop("norm_layer", "BatchNorm2d"))
    if norm not in norms:
        raise Missing(f"the normalisation `{norm}`")
    poolings = {None: "stride", "AvgPool2d": "average", "BlurPool2d": "blur"}
    pooling = arguments.pop("aa_layer", None)
    pooling = None if pooling is None else name_of(pooling)
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
        "activation": activation_of(arguments, "relu"),
    }
    return {"blocks": found.pop("blocks"), **different(found, _RESNET)}


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


def senet(cls, arguments):
    """Translates the arguments of timm's `senet`: Caffe's SE networks."""
    block = name_of(arguments.pop("block"))
    if block == "SEBottleneck":
        raise Missing("SENet's block with a narrower first convolution")
    if block == "SEResNetBlock":
        raise Missing("a ReLU between normalisation and attention")
    expect(arguments, "reduction", (16,), "another reduction")
    found = {
        "blocks": list(arguments.pop("layers")),
        "stem_pooling": "caffe",
        "groups": arguments.pop("groups"),
        "width_per_group": 4 if block == "SEResNeXtBottleneck" else 64,
        "stride_in": "3x3" if block == "SEResNeXtBottleneck" else "1x1",
        "attention": "se",
    }
    return "ResNet", different(found, _RESNET)


def resnest(cls, arguments):
    """Translates the arguments of timm's `resnest`."""
    if name_of(arguments.pop("block")) != "ResNestBottleneck":
        raise Missing("another block")
    options = dict(arguments.pop("block_args"))
    radix, first = options.pop("radix"), options.pop("avd_first")
    if options != {"avd": True}:
        raise Missing("split attention with strides")
    return "ResNet", {
        **_residual(arguments, True),
        "downsampling": "average_3x3_first" if first else "average_3x3",
        "attention": "split_attention"
        if radix == 2
        else _block("SplitAttention", radix=radix),
    }


def sknet(cls, arguments):
    """Translates the arguments of timm's `sknet`."""
    block = name_of(arguments.pop("block"))
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
    """Translates the arguments of timm's `byobnet`: CLIP's networks."""
    config = dict(vars(arguments.pop("cfg")))
    expect(arguments, "global_pool", ("avg",), "another pooling at the end")
    expect(config, "head_type", ("classifier",), "CLIP's attention pooling")
    expect(config, "num_features", (0,), "a convolution before the pooling")
    expect(config, "attn_layer", (None,), "attention before the last 1x1")
    factor, blocks = config.pop("width_factor"), config.pop("blocks")
    if any(block.gs for block in blocks):
        raise Missing("a fixed number of channels per group")
    stem = config.pop("stem_chs")
    stem = list(stem) if isinstance(stem, list | tuple) else [stem]
    stem = [round(factor * width) for width in stem]
    forms = {
        "downsample": "avg",
        "stem_type": "",
        "stem_pool": "avg2",
        "act_layer": "relu",
        "norm_layer": "batchnorm",
        "aa_layer": "avg",
    }
    for name, form in forms.items():
        expect(config, name, (form,), f"another value of `{name}` in `byobnet`")
    bottlenecks = {(b.type, b.br, b.s > 1) for b in blocks[1:]}
    empty = {"zero_init_last": True, "fixed_input_size": False}
    if (
        any(
            value not in (None, {}, empty.get(k)) for k, value in config.items()
        )
        or bottlenecks != {("bottle", 0.25, True)}
        or stem != [stem[0], stem[0], 2 * stem[0]]
    ):
        raise Missing("another form of `byobnet`")
    found = {
        "filters": [round(block.c * factor / 4) for block in blocks],
        "stem": "deep",
        "stem_width": stem[0],
        "shortcut": "average",
        "downsampling": "average",
    }
    depths = [block.d for block in blocks]
    return "ResNet", {"blocks": depths, **different(found, _RESNET)}


def torchvision_resnet(cls, arguments):
    """Translates the arguments of torchvision's ResNets."""
    block = name_of(arguments.pop("block"))
    found = {
        "blocks": list(arguments.pop("layers")),
        "bottleneck": block == "Bottleneck",
        "groups": arguments.pop("groups", 1),
        "width_per_group": arguments.pop("width_per_group", 64),
    }
    return "ResNet", different(found, _RESNET)
