"""Translates arguments of Vision Transformers of timm and torchvision.

There is one function for each module. It removes each argument that it knows.
"""

from tests.pretrained.forms import (
    Missing,
    activation_of,
    different,
    expect,
    name_of,
)

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
    "normalization": "layer",
    "inner_norm": False,
    "patch_norm": False,
    "use_bias": True,
}


def vision_transformer(cls, arguments):
    """Translates the arguments of timm's `vision_transformer`."""
    pooling = arguments.pop("global_pool", "token")
    poolings = {"token": "cls", "avg": "patches", "map": "attention"}
    if pooling not in poolings:
        raise Missing(f"the pooling `{pooling}`")
    with_prefix = arguments.pop("pool_include_prefix", False)
    if with_prefix and pooling != "avg":
        raise Missing("attention pooling of all tokens, not only of patches")
    after = arguments.pop("fc_norm", None)
    after = pooling == "avg" if after is None else after
    class_token = arguments.pop("class_token", True)
    registers = arguments.pop("reg_tokens", 0)
    norm = arguments.pop("norm_layer", None)
    patch_norm = arguments.pop("embed_norm_layer", None)
    if patch_norm is not None and str(patch_norm) != str(norm):
        raise Missing("another normalisation of the patches")
    attention = name_of(arguments.pop("attn_layer", "Attention"))
    if attention not in ("", "attn", "Attention"):
        raise Missing(f"the attention layer `{attention}`")
    block = name_of(arguments.pop("block_fn", "Block"))
    if block != "Block":
        raise Missing(f"the block `{block}`")
    inner = arguments.pop("scale_attn_norm", False)
    if arguments.pop("scale_mlp_norm", False) is not inner:
        raise Missing("a normalisation inside of one branch only")
    expect(arguments, "pos_embed", ("learn",), "no position embedding")
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
        **_normalization(norm),
        "norm_after_pooling": after,
        "inner_norm": inner,
        "patch_norm": patch_norm is not None,
        "use_bias": arguments.pop("proj_bias", True),
    }
    # By default, only the pooling of the class token comes with one.
    if class_token == (found["token_pooling"] == "cls"):
        del found["class_token"]
    return "ViT", {**size, **different(found, _VIT)}


def _normalization(norm):
    """Translates `norm_layer`."""
    name = "LayerNorm" if norm is None else name_of(norm)
    if name not in ("LayerNorm", "RmsNorm"):
        raise Missing(f"the normalisation `{name}`")
    return {
        "normalization": "layer" if name == "LayerNorm" else "rms",
        "epsilon": getattr(norm, "keywords", {}).get("eps", 1e-6),
    }


def _mlp(arguments, hidden):
    """Translates the MLP of a block."""
    size = int(hidden * arguments.pop("mlp_ratio", 4.0))
    layer = arguments.pop("mlp_layer", None)
    options = dict(getattr(layer, "keywords", {}))
    activation = activation_of(arguments, "gelu")
    if layer is None or name_of(layer) == "Mlp":
        return {"mlp_dim": size, "activation": activation}
    if name_of(layer) == "SwiGLU" and not options:
        separate = {"gated_mlp": "separate", "activation": activation}
        return {"mlp_dim": size, **separate}
    # The packed form computes the gate and the values in one linear layer.
    if name_of(layer) != "GluMlp" or options.pop("gate_last", True):
        raise Missing(f"the MLP `{name_of(layer)}`")
    # The block passes its own activation, which takes precedence.
    options.pop("act_layer", None)
    if options:
        raise Missing(f"the argument `{sorted(options)[0]}` of the MLP")
    gated = {"gated_mlp": True, "activation": activation}
    return {"mlp_dim": size // 2, **gated}


def deit(cls, arguments):
    """Translates the arguments of timm's `deit`."""
    function, found = vision_transformer(cls, arguments)
    if name_of(cls) == "VisionTransformerDistilled":
        found["distilled"] = True
    return function, found


def eva(cls, arguments):
    """Translates the arguments of timm's `eva`: EVA and DINOv3."""
    rotary = arguments.pop("use_rot_pos_emb", False)
    if rotary:
        rope = (
            arguments.pop("rope_type", "cat"),
            arguments.pop("rope_temperature", 1),
        )
        if rope != ("dinov3", 100):
            raise Missing("rotary positions other than DINOv3's")
        expect(arguments, "rope_rotate_half", (True,), "another rotation")
    if arguments.pop("use_abs_pos_emb", True) is rotary:
        raise Missing("learned positions beside rotary ones")
    expect(arguments, "attn_type", ("eva",), "another attention")
    expect(arguments, "qkv_fused", (True,), "separate queries")
    poolings = {"avg": "patches", "token": "cls"}
    pooling = poolings[arguments.pop("global_pool", "avg")]
    hidden = arguments.pop("embed_dim")
    gated = arguments.pop("swiglu_mlp", False)
    aligned = arguments.pop("swiglu_align_to", 0)
    mlp = int(hidden * arguments.pop("mlp_ratio", 4))
    norm = arguments.pop("norm_layer", None)
    size = {
        "patch_size": arguments.pop("patch_size"),
        "hidden_dim": hidden,
        "num_layers": arguments.pop("depth"),
        "num_heads": arguments.pop("num_heads"),
        "mlp_dim": mlp + -mlp % (aligned or 1),
    }
    found = {
        "activation": "silu" if gated else "gelu",
        # Aligned sizes come with a linear layer of their own for the gate.
        "gated_mlp": "separate" if gated and aligned else gated,
        "layer_scale": arguments.pop("init_values", None),
        "register_tokens": arguments.pop("num_reg_tokens", 0),
        "token_pooling": pooling,
        "class_token": True,
        "qkv_bias": arguments.pop("qkv_bias", True) and "query_value",
        **_normalization(norm),
        "norm_after_pooling": arguments.pop(
            "use_fc_norm", pooling == "patches"
        ),
        "position": "rotary" if rotary else "learned",
    }
    if pooling == "cls":
        del found["class_token"]
    return "ViT", {**size, **different(found, _VIT)}


def torchvision_vit(cls, arguments):
    """Translates the arguments of torchvision's Vision Transformers."""
    names = ("patch_size", "hidden_dim", "num_layers", "num_heads", "mlp_dim")
    arguments.pop("image_size")
    return "ViT", {name: arguments.pop(name) for name in names}
