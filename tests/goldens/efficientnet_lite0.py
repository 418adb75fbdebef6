"""Records timm's EfficientNet-Lite0; see `make_goldens`."""

import numpy as np
import torch

from applications.image_classification import packaged
from tests.goldens import efficientnet_weights, resnet_images


def record(timm):
    """Returns logits in float64, with the names of the package and shapes.

    The file of the package has the same arrays as timm, in the same order.
    """
    path = packaged.imagenet().path
    network = timm.tf_efficientnet_lite0()
    names = list(_parameters(torch.load(path, weights_only=True)))
    state = _parameters(network.state_dict())
    shapes = {
        name: tuple(value.shape)
        for name, value in zip(names, state.values(), strict=True)
    }
    drawn = map(torch.tensor, efficientnet_weights(shapes).values())
    network.load_state_dict(dict(zip(state, drawn, strict=True)), strict=False)
    x = torch.tensor(np.moveaxis(resnet_images(), -1, 1)).double()
    logits = network.double().eval()(x).detach().numpy()
    return {
        "arrays": {"logits": logits.astype("float32")},
        "source": "timm 1.0.31 tf_efficientnet_lite0 in float64, weights by "
        "efficientnet_weights, images by resnet_images",
        "torch": torch.__version__,
        "shapes": shapes,
    }


def _parameters(state):
    """Returns a state dict without its counters."""
    return {k: v for k, v in state.items() if v.ndim}
