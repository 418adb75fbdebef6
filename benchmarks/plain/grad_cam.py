"""Grad-CAM in plain PyTorch, with hooks."""

import numpy as np
import torch
import torch.nn.functional as F


def grad_cam(network, layer, images, classes):
    """Returns maps `(batch, height, width)` as a NumPy array.

    Takes the same steps as pytorch-grad-cam. Hooks keep the output of the layer
    and its gradient, the backward pass runs to the first layer and computes the
    gradients of all weights, and NumPy does the rest.
    """
    kept = {}

    def listen(module, inputs, outputs):
        kept["features"] = outputs
        outputs.register_hook(lambda g: kept.update(gradients=g))

    handle = layer.register_forward_hook(listen)
    scores = network(images)
    handle.remove()
    network.zero_grad()
    scores[torch.arange(len(images)), classes].sum().backward()
    features = kept["features"].detach().float().cpu().numpy()
    gradients = kept["gradients"].float().cpu().numpy()
    weights = gradients.mean(axis=(2, 3), keepdims=True)
    maps = _scaled(np.maximum((weights * features).sum(axis=1), 0))
    maps = torch.from_numpy(maps).unsqueeze(1)
    maps = F.interpolate(maps, images.shape[2:], mode="bilinear")
    return _scaled(maps.squeeze(1).numpy())


def _scaled(maps):
    maps = maps - maps.min(axis=(1, 2), keepdims=True)
    return maps / (maps.max(axis=(1, 2), keepdims=True) + 1e-7)
