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
def plain():
    """The weights of a network, which blurred ones share."""
    return to_torch(ResNet(**TINY))


@pytest.mark.parametrize(
    ("architecture", "downsampling"),
    [
        ("resnetaa50", "average"),
        ("resnetblur50.bt_in1k", "blur"),
        ("seresnextaa101d_32x8d", "average"),
        ("resnet50", "stride"),
        ("seresnext26t_32x4d", "stride"),
    ],
)
def test_the_name_of_the_architecture_tells_the_downsampling(
    plain, architecture, downsampling
):
    checkpoint = {"state_dict": plain, "arch": architecture}
    for kind in ("stride", "average", "blur"):
        model = ResNet(**TINY, downsampling=kind)
        if kind == downsampling:
            load_torch(model, checkpoint)
        else:
            fix = f"Build it with `downsampling='{downsampling}'`"
            with pytest.raises(ValueError, match=fix):
                load_torch(model, checkpoint)


@pytest.mark.parametrize("architecture", [None, "my_network"])
def test_without_such_a_name_any_downsampling_loads(plain, architecture):
    checkpoint = {"state_dict": plain, "arch": architecture}
    load_torch(ResNet(**TINY, downsampling="blur"), checkpoint)


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
