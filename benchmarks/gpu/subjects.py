"""The timed steps of a network, ours and PyTorch's, on the default device.

All subjects compute in bfloat16 with float32 weights: ours with the policy
`mixed_bfloat16`, PyTorch's with `autocast` and channels last. Images and labels
are already on the device, and each step waits for its result. Grad-CAM starts
and ends with NumPy arrays.
"""

import functools

import numpy as np

from benchmarks import networks
from benchmarks.gpu.networks import NETWORKS


def steps(name, who, batch, side):
    """Returns the steps of a subject, by mode.

    Args:
        name: Key of `NETWORKS`.
        who: "ours", "plain" or "timm"; " compiled" may follow the latter two.
        batch: Number of images.
        side: Height and width of an image.
    """
    network = NETWORKS[name]
    images, labels = data(network, batch, side)
    if who == "ours":
        import keras

        keras.config.set_dtype_policy("mixed_bfloat16")
        make = _maps_of_ours if network.modes == ("maps",) else _ours
        return make(network.ours(side), images, labels)
    source, _, compiled = who.partition(" ")
    module = getattr(network, source)(side)
    make = _maps_of_torch if network.modes == ("maps",) else _torch
    return make(module, images, labels, compiled)


def data(network, batch, side):
    """Returns images, and one label per image or per position."""
    random = np.random.default_rng(0)
    shape = (batch, side, side, network.channels)
    places = ((side - 1) // network.stride + 1,) * 2 if network.stride else ()
    labels = random.integers(0, network.classes, (batch, *places))
    return random.random(shape, "float32"), labels


def _ours(model, images, labels):
    from keras import ops, optimizers

    optimizer = optimizers.SGD(1e-3, momentum=0.9)
    there = map(ops.convert_to_tensor, (images, labels.astype("int32")))
    return networks.ours(model, optimizer, *there)


def _maps_of_ours(model, images, labels):
    from keras_attn.explain import GradCAM

    cam = GradCAM(model)
    return {"maps": lambda: cam(images, labels, batch_size=len(images))}


def _torch(module, images, labels, compiled):
    import torch

    module, device, cast = _placed(module)
    # Channels first in shape, channels last in memory.
    images = torch.tensor(images, device=device).permute(0, 3, 1, 2)
    labels = torch.tensor(labels, device=device)
    optimizer = torch.optim.SGD(module.parameters(), 1e-3, momentum=0.9)
    run = torch.compile(module) if compiled else module

    def scores():
        found = run(images)
        # Attention to scale also returns the scores of each scale.
        return found[0] if isinstance(found, tuple) else found

    def inference():
        module.eval()
        with torch.inference_mode(), cast():
            return scores().float().cpu().numpy()

    def training():
        module.train()
        optimizer.zero_grad()
        with cast():
            loss = torch.nn.functional.cross_entropy(scores(), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return {"inference": inference, "training": training}


def _maps_of_torch(module, images, labels, compiled):
    import torch

    from benchmarks.plain.grad_cam import grad_cam

    module, device, cast = _placed(module.eval())
    labels = torch.tensor(labels)

    def maps():
        there = torch.tensor(images, device=device).permute(0, 3, 1, 2)
        with cast():
            return grad_cam(module, module.layer4, there, labels)

    return {"maps": maps}


def _placed(module):
    """Returns a module on the device, the device, and its autocast."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    module = module.to(device, memory_format=torch.channels_last)
    return (
        module,
        device,
        functools.partial(torch.autocast, device, torch.bfloat16),
    )
