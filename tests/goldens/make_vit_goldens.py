"""Generates the goldens of ViTs: `python -m tests.goldens.make_vit_goldens`.

Needs PyTorch and timm. Each form of timm's networks that `ViT` has is recorded
at least once, several of them in one network.
"""

import functools

import numpy as np
import torch
import torch.nn.functional as F
from timm.layers import (
    GluMlp,
    LayerNorm,
    RmsNorm,
    SwiGLU,
    resample_abs_pos_embed,
)
from timm.models.deit import VisionTransformerDistilled
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer

from tests.goldens import vit_images, vit_weights
from tests.goldens.make_goldens import channels_first, save

COMMON = {
    "img_size": (32, 24),
    "patch_size": 8,
    "embed_dim": 12,
    "depth": 1,
    "num_heads": 3,
    "mlp_ratio": 2,
    "num_classes": 5,
}
NO_CLASS = {"class_token": False}
FORMS = {
    "aimv2": (
        VisionTransformer,
        {
            **NO_CLASS,
            "fc_norm": False,
            "global_pool": "avg",
            "qkv_bias": False,
            "proj_bias": False,
            "act_layer": "silu",
            "mlp_layer": SwiGLU,
            "norm_layer": functools.partial(RmsNorm, eps=1e-5),
            "embed_norm_layer": functools.partial(RmsNorm, eps=1e-5),
        },
    ),
    "beit3": (
        VisionTransformer,
        {
            "global_pool": "avg",
            "norm_layer": functools.partial(LayerNorm, eps=1e-5),
            "scale_attn_norm": True,
            "scale_mlp_norm": True,
        },
    ),
    "clip": (
        VisionTransformer,
        {
            "pre_norm": True,
            "act_layer": "quick_gelu",
            "norm_layer": functools.partial(LayerNorm, eps=1e-5),
        },
    ),
    "deit3": (
        VisionTransformer,
        {"init_values": 1e-6, "no_embed_class": True, "final_norm": False},
    ),
    "dinov3": (
        Eva,
        {
            "num_reg_tokens": 4,
            "use_abs_pos_emb": False,
            "use_rot_pos_emb": True,
            "rope_type": "dinov3",
            "rope_temperature": 100,
            "rope_rotate_half": True,
            "swiglu_mlp": True,
            "swiglu_align_to": 8,
            "init_values": 1e-5,
            "use_fc_norm": False,
            "norm_layer": functools.partial(LayerNorm, eps=1e-5),
        },
    ),
    "distilled": (VisionTransformerDistilled, {}),
    "giant": (
        VisionTransformer,
        {
            "mlp_layer": functools.partial(GluMlp, gate_last=False),
            "act_layer": "silu",
            "mlp_ratio": 4,
            "init_values": 1e-5,
            "reg_tokens": 4,
            "no_embed_class": True,
            "qk_norm": True,
        },
    ),
    "mean": (
        VisionTransformer,
        {"global_pool": "avg", "reg_tokens": 2, "qkv_bias": False},
    ),
    "siglip": (
        VisionTransformer,
        {**NO_CLASS, "global_pool": "map", "act_layer": "gelu_tanh"},
    ),
    "siglip_features": (
        VisionTransformer,
        {
            **NO_CLASS,
            "global_pool": "map",
            "reg_tokens": 1,
            "num_classes": 0,
        },
    ),
}
GRIDS = ((6, 6), (3, 7), (2, 2), (1, 4), (9, 4))


def record(build, kwargs):
    """Returns the outputs of a network, and its names and shapes."""
    network = build(**{**COMMON, **kwargs})
    shapes = {k: tuple(v.shape) for k, v in network.state_dict().items()}
    weights = {k: torch.tensor(v) for k, v in vit_weights(shapes).items()}
    network.load_state_dict(weights)
    x = torch.tensor(channels_first(vit_images())).double()
    with torch.no_grad():
        return network.double().eval()(x).numpy(), shapes


def resized(grid):
    """Returns embeddings of 4 x 4 positions for another grid."""
    embedding = torch.tensor(
        vit_weights({"pos_embed": (1, 17, 3)})["pos_embed"]
    )
    maps = embedding[:, 1:].reshape(1, 4, 4, 3).permute(0, 3, 1, 2)
    aligned = F.interpolate(maps, grid, mode="bicubic", align_corners=True)
    return {
        "timm": resample_abs_pos_embed(embedding, grid, (4, 4)).numpy()[:, 1:],
        "torchvision": aligned.permute(0, 2, 3, 1).reshape(1, -1, 3).numpy(),
    }


def main():
    arrays, shapes = {}, {}
    for name, (build, kwargs) in FORMS.items():
        arrays[name], shapes[name] = record(build, kwargs)
    save(
        "timm_vit_forms",
        arrays,
        source="timm 1.0.31 in float64, weights by vit_weights, images by "
        "vit_images",
        forms={name: repr(kwargs) for name, (_, kwargs) in FORMS.items()},
        torch=torch.__version__,
        shapes=shapes,
    )
    save(
        "positions",
        {
            f"{package}_{rows}_{columns}": np.asarray(found, "float32")
            for rows, columns in GRIDS
            for package, found in resized((rows, columns)).items()
        },
        source="timm 1.0.31's resample_abs_pos_embed, and PyTorch's bicubic "
        "interpolation with aligned corners as in torchvision's "
        "interpolate_embeddings, from 4 x 4 positions by vit_weights",
        torch=torch.__version__,
    )


if __name__ == "__main__":
    main()
