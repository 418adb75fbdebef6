"""Translates arguments of timm and torchvision into arguments of our models.

There is one function for each module, in `resnets` and `vits`. It removes each
argument that it knows, and what remains is a form that we do not have. No
argument is ignored, except those that `UNUSED` lists.
"""

from tests.pretrained import resnets, vits
from tests.pretrained.forms import Missing, expect

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


def translate(network):
    """Returns our function and arguments for a network, or what is missing.

    Args:
        network: A `tests.pretrained.sources.Network`.

    Returns:
        A dict with `"function"` and `"arguments"`, or with `"missing"`.
    """
    arguments = {k: v for k, v in network.arguments.items() if k not in UNUSED}
    try:
        expect(arguments, "in_chans", (3,), "images with other channels")
        function, found = _FUNCTIONS[network.module](network.cls, arguments)
        if arguments:
            raise Missing(f"the argument `{sorted(arguments)[0]}`")
    except Missing as missing:
        return {"missing": str(missing)}
    return {"function": function, "arguments": found}


_FUNCTIONS = {
    "byobnet": resnets.byobnet,
    "deit": vits.deit,
    "eva": vits.eva,
    "resnest": resnets.resnest,
    "resnet": resnets.resnet,
    "senet": resnets.senet,
    "sknet": resnets.sknet,
    "vision_transformer": vits.vision_transformer,
    "torchvision.resnet": resnets.torchvision_resnet,
    "torchvision.vision_transformer": vits.torchvision_vit,
}
