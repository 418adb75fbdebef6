import functools

import pytest

from keras_attn.applications import ResNet, ResNetCIFAR
from keras_attn.layers import GSoP
from keras_attn.weights import load_torch, to_torch

pytestmark = pytest.mark.once

TINY = {
    "blocks": (1, 1, 1, 1),
    "filters": (4, 4, 4, 8),
    "stem_width": 4,
    "input_shape": (32, 32, 3),
    "classes": 7,
}


def renamed(arrays, *pairs):
    """Returns the arrays with parts of their names replaced."""
    found = {}
    for name, array in arrays.items():
        for ours, theirs in pairs:
            name = name.replace(ours, theirs)
        found[name] = array
    return found


REDUCED = ("head_conv", "layer_reduce"), ("head_bn", "layer_reduce_bn")


@pytest.mark.parametrize("kwargs", [{}, {"include_top": False}])
@pytest.mark.parametrize("strict", [True, False])
def test_mpn_cov_has_a_last_stride_of_1(kwargs, strict):
    covariance = {**TINY, "head": "covariance"}
    ours = to_torch(ResNet(**covariance, last_stride=1))
    theirs = renamed(ours, *REDUCED)
    report = load_torch(
        ResNet(**covariance, last_stride=1, **kwargs), theirs, strict=strict
    )
    assert not report.missing
    model = ResNet(**covariance, **kwargs)
    with pytest.raises(ValueError, match="Build it with `last_stride=1`"):
        load_torch(model, theirs, strict=strict)
    # Our own names do not say which network it was.
    load_torch(model, ours)


def test_a_network_without_a_last_stride_refuses_mpn_cov():
    model = ResNetCIFAR(depth=8, head="covariance")
    with pytest.raises(ValueError, match="fast-MPN-COV"):
        load_torch(model, renamed(to_torch(model), *REDUCED))


def test_gsop_net():
    attention = functools.partial(GSoP, dim=4)
    net1 = {**TINY, "attention": attention, "last_stride": 1}
    attributes = [
        ("se.conv.", "conv_for_DR."),
        ("se.bn.", "bn_for_DR."),
        ("se.row_conv.", "row_conv_group."),
        ("se.row_bn.", "row_bn."),
        ("se.fc.", "fc_adapt_channels."),
        ("se.", ""),
    ]
    model = ResNet(**net1)
    # Ours are the same names with an attribute.
    theirs = renamed(to_torch(model), *attributes)
    assert "layer4.0.conv_for_DR.weight" in theirs
    load_torch(model, theirs)
    with pytest.raises(ValueError, match="GSoP-Net. .*last_stride=1"):
        load_torch(ResNet(**{**net1, "last_stride": 2}), theirs)
    net2 = ResNet(**net1, head="covariance")
    theirs = renamed(to_torch(net2), *attributes, *REDUCED)
    with pytest.raises(ValueError, match="three iterations"):
        load_torch(net2, theirs)
    load_torch(ResNet(**net1, include_top=False), theirs)
    theirs["layer1.0.conv_for_DR_spatial.weight"] = 0
    with pytest.raises(ValueError, match="attention to positions"):
        load_torch(model, theirs)


@pytest.fixture(scope="module")
def networks():
    """Networks with the same weights, by their downsampling."""
    kinds = "stride", "average", "average_3x3", "average_3x3_first", "blur"
    return {kind: ResNet(**TINY, downsampling=kind) for kind in kinds}


@pytest.mark.parametrize(
    ("architecture", "downsampling"),
    [
        ("resnetaa50", "average"),
        ("resnetblur50.bt_in1k", "blur"),
        ("seresnextaa101d_32x8d", "average"),
        ("resnest50d", "average_3x3"),
        ("resnest50d_4s2x40d", "average_3x3_first"),
        ("resnet50x4_clip_gap", "average"),
        ("resnet50", "stride"),
        ("seresnext26t_32x4d", "stride"),
    ],
)
def test_the_name_of_the_architecture_tells_the_downsampling(
    networks, architecture, downsampling
):
    arrays = to_torch(networks["stride"])
    checkpoint = {"state_dict": arrays, "arch": architecture}
    for kind, network in networks.items():
        if kind == downsampling:
            load_torch(network, checkpoint)
        else:
            fix = f"Build it with `downsampling='{downsampling}'`"
            with pytest.raises(ValueError, match=fix):
                load_torch(network, checkpoint)


@pytest.mark.parametrize("architecture", [None, "my_network"])
def test_without_such_a_name_any_downsampling_loads(networks, architecture):
    arrays = to_torch(networks["stride"])
    checkpoint = {"state_dict": arrays, "arch": architecture}
    load_torch(networks["blur"], checkpoint)


@pytest.mark.parametrize(
    ("kwargs", "right"),
    [({}, "1x1"), ({"groups": 2}, "3x3"), ({"bottleneck": False}, None)],
)
def test_legacy_networks_of_timm(kwargs, right):
    kwargs = {**TINY, "attention": "se", "stem_pooling": "caffe", **kwargs}
    both = ["3x3"] if right is None else ["1x1", "3x3"]
    for stride_in in both:
        model = ResNet(**kwargs, stride_in=stride_in)
        theirs = renamed(
            to_torch(model), (".se.", ".se_module."), ("fc.", "last_linear.")
        )
        theirs = {
            f"layer0.{name}" if name.startswith(("conv1", "bn1")) else name: a
            for name, a in theirs.items()
        }
        if stride_in == right:
            load_torch(model, theirs)
        else:
            message = "ReLU before" if right is None else f"stride_in='{right}'"
            with pytest.raises(ValueError, match=message):
                load_torch(model, theirs)
    other = ResNet(**{**kwargs, "stem_pooling": "max"})
    with pytest.raises(ValueError, match="with `stem_pooling='caffe'`"):
        load_torch(other, theirs)


def test_the_official_gct_has_strides_in_its_first_convolutions():
    kwargs = {**TINY, "attention": "gct"}
    model = ResNet(**kwargs, stride_in="1x1")
    theirs = {}
    for name, array in to_torch(model).items():
        if name.startswith("se."):
            name = f"stem.conv1.0.{name.removeprefix('se.')}"
        elif ".se.shortcut." in name:
            name = name.replace("se.shortcut.", "downsample.0.")
        elif ".se." in name:
            name = name.replace("se.", "").replace(".conv", ".conv")
            block, conv, weight = name.rsplit(".", 2)
            name = f"{block}.{conv}.0.{weight}"
        elif "downsample.1." in name:
            name = name.replace("downsample.1.", "downsample.2.")
        elif "downsample.0." in name:
            name = name.replace("downsample.0.", "downsample.1.")
        elif name.startswith(("conv1", "bn1")):
            name = f"stem.{name}".replace("conv1.", "conv1.1.")
        elif ".conv" in name:
            name = name.replace(".weight", ".1.weight")
        theirs[name] = array
    assert {
        "stem.conv1.0.alpha",
        "stem.conv1.1.weight",
        "stem.bn1.bias",
        "layer4.0.conv3.0.gamma",
        "layer4.0.conv3.1.weight",
        "layer4.0.downsample.0.beta",
        "layer4.0.downsample.2.bias",
    } <= theirs.keys()
    load_torch(model, theirs)
    with pytest.raises(ValueError, match="Build it with `stride_in='1x1'`"):
        load_torch(ResNet(**kwargs), theirs)
