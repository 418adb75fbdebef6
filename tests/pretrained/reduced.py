"""Reduces networks to few blocks, in the arguments of both packages.

Only the depth is reduced, since widths determine hidden units, kernel sizes and
the number of heads. The second block of a stage differs from the first one.
"""

import copy

from tests.pretrained.forms import name_of

BLOCKS = (1, 2, 1, 1)
LAYERS = 2
# Odd sizes occur on the way, where rounding and padding matter. A map of one
# value would hide them.
IMAGE = (80, 64)
# timm's shortcuts and averages round odd sizes differently, which is an error.
EVEN = (96, 64)
# Patches of a Vision Transformer. Rows and columns can be confused if there
# are as many.
GRID = (2, 3)


def of_network(network, classes, size):
    """Returns the arguments of a small network of timm or torchvision.

    Args:
        network: A `tests.pretrained.sources.Network`.
        classes: Number of classes, or 0 for no classifier.
        size: Height and width of an image.
    """
    arguments = {**network.arguments, "num_classes": classes}
    if network.module == "byobnet":
        config = copy.deepcopy(arguments["cfg"])
        blocks = [
            type(block)(**{**vars(block), "d": depth})
            for block, depth in zip(config.blocks, BLOCKS, strict=True)
        ]
        config.blocks = tuple(blocks)
        return {**arguments, "cfg": config}
    if "layers" in arguments:
        return {**arguments, "layers": BLOCKS}
    if network.module.startswith("torchvision"):
        return {**arguments, "num_layers": LAYERS, "image_size": size[0]}
    return {**arguments, "depth": LAYERS, "img_size": size}


def of_entry(entry):
    """Returns the arguments of our small network.

    Args:
        entry: An entry of a table with `"function"` and `"arguments"`.
    """
    if entry["function"] == "ResNet":
        return {**entry["arguments"], "blocks": list(BLOCKS)}
    return {**entry["arguments"], "num_layers": LAYERS}


def image_size(network):
    """Returns the height and width of an image for a small network."""
    arguments = network.arguments
    if "layers" in arguments or "cfg" in arguments:
        averages = name_of(arguments.get("aa_layer")) == "AvgPool2d"
        return EVEN if averages or network.module == "byobnet" else IMAGE
    patch = arguments.get("patch_size", 16)
    # torchvision's images must be squares.
    rows, columns = GRID if "image_size" not in arguments else (2, 2)
    return (rows * patch, columns * patch)
