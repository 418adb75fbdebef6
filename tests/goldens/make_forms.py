"""Records timm's forms of ResNets: `python -m tests.goldens.make_forms`.

Needs PyTorch and timm, which is not part of this project.
"""

import functools

import numpy as np
import timm
import torch
from timm.layers import BlurPool2d, SEModule
from timm.models import byobnet, resnest, resnet, senet, sknet

from tests.goldens import resnet_images
from tests.goldens.make_goldens import channels_first, drawn, save

NARROW = {"num_classes": 5, "channels": (8, 8, 8, 16)}
DEEP = {"stem_type": "deep", "stem_width": 4, "avg_down": True}


def forms():
    """Returns the networks by name, one for each form."""

    def network(block, layers=(1, 1, 1, 1), **kwargs):
        return resnet.ResNet(block, list(layers), **(NARROW | kwargs))

    basic, bottleneck = resnet.BasicBlock, resnet.Bottleneck
    se = functools.partial(SEModule, rd_ratio=0.25)
    stages = (
        byobnet.ByoBlockCfg("bottle", d=1, c=32, s=1, br=0.25),
        *(
            byobnet.ByoBlockCfg("bottle", d=1, c=c, s=2, br=0.25)
            for c in (32, 32, 64)
        ),
    )
    clip = byobnet.ByoModelCfg(
        stages,
        downsample="avg",
        stem_chs=(4, 4, 8),
        stem_type="",
        stem_pool="avg2",
        aa_layer="avg",
    )
    return {
        "average": network(basic, aa_layer=torch.nn.AvgPool2d),
        "blur": network(
            bottleneck, **DEEP, aa_layer=BlurPool2d, act_layer="silu"
        ),
        "clip": byobnet.ByobNet(clip, num_classes=0),
        "global_context": network(basic, block_args={"attn_layer": "gca"}),
        "group": network(
            [basic, basic, bottleneck, basic],
            channels=(32, 32, 32, 64),
            norm_layer="groupnorm",
        ),
        "legacy": senet.SENet(
            senet.SEResNetBottleneck, (1, 1, 1, 1), 1, 16, num_classes=5
        ),
        "rs": network(
            bottleneck,
            **DEEP,
            replace_stem_pool=True,
            block_args={"attn_layer": se},
        ),
        "selective": network(
            sknet.SelectiveKernelBottleneck,
            cardinality=4,
            base_width=32,
            block_args={"sk_kwargs": {"rd_divisor": 32, "split_input": False}},
        ),
        "selective_split": network(
            sknet.SelectiveKernelBasic,
            (1, 2, 1, 1),
            block_args={"sk_kwargs": {"rd_divisor": 16}},
        ),
        "split": network(
            resnest.ResNestBottleneck,
            (1, 2, 1, 1),
            **DEEP,
            block_args={"radix": 2, "avd": True, "avd_first": False},
        ),
        "split_fast": network(
            resnest.ResNestBottleneck,
            **DEEP,
            cardinality=2,
            block_args={"radix": 4, "avd": True, "avd_first": True},
        ),
    }


def main():
    """Records the logits in float64, and all names and shapes."""
    arrays, shapes = {}, {}
    x = torch.tensor(channels_first(resnet_images())).double()
    for name, network in forms().items():
        network, found = drawn(network)
        with torch.no_grad():
            arrays[name] = network(x).numpy().astype(np.float32)
        shapes[name] = {k: list(shape) for k, shape in found.items()}
    save(
        "resnet_forms",
        arrays,
        source=f"timm {timm.__version__} in float64, weights by "
        "random_weights, images by resnet_images",
        torch=torch.__version__,
        shapes=shapes,
    )


if __name__ == "__main__":
    main()
