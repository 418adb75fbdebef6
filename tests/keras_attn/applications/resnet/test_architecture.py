import numpy as np
import pytest

from keras_attn.applications import ResNet
from tests.cases.resnet_forms import NARROW

pytestmark = pytest.mark.once


def trainable(**kwargs):
    model = ResNet(**kwargs)
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


def test_parameters_of_resnext50():
    # The number in the documentation of torchvision.
    assert trainable(groups=32, width_per_group=4) == 25_028_904


def strides(model):
    """Returns the strides of the convolutions of the second block 1."""
    return [
        model.get_layer(f"stage2_block1_{name}").convolution.strides[0]
        for name in ("conv1", "conv2", "conv3", "shortcut")
    ]


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [({}, [1, 2, 1, 2]), ({"stride_in": "1x1"}, [2, 1, 1, 2])],
)
def test_stride(kwargs, expected):
    assert strides(ResNet(**NARROW, **kwargs)) == expected


def test_last_stride():
    arguments = {**NARROW, "include_top": False}
    sides = [
        ResNet(**arguments, last_stride=stride).output.shape[1:3]
        for stride in (1, 2)
    ]
    assert sides == [(4, 4), (2, 2)]


def test_a_stem_without_pooling():
    model = ResNet(**NARROW, stem_pooling=None, stem="deep")
    assert model.get_layer("stem").output.shape == (None, 32, 32, 64)
    assert model.get_layer("stem").convolution.kernel_size == (3, 3)


def test_the_width_is_that_of_all_groups():
    # 8 * 4 / 64 would be 0.5 per group.
    model = ResNet(**NARROW, groups=4, width_per_group=20)
    found = [
        model.get_layer(f"stage{stage}_block1_conv2").convolution.filters
        for stage in (1, 4)
    ]
    assert found == [8, 20]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"blocks": (1, 1, 1)}, "as many entries as `blocks`"),
        ({"blocks": (1,), "filters": (8,)}, "`blocks` must have four"),
        ({"blocks": 50}, "`blocks` must be a list"),
        ({"blocks": (1, 1, 1, 0)}, "`blocks` must be a positive integer"),
        ({"filters": (8, 8, 8, 8.5)}, "`filters` must be a positive integer"),
        ({"bottleneck": (True, False)}, "each of the 4 stages"),
        ({"bottleneck": "yes"}, "each of the 4 stages"),
        ({"stem": "shallow"}, "`stem` must be"),
        ({"stem_width": 0}, "`stem_width` must be"),
        ({"stem": "tiered", "stem_width": 3}, "`stem_width` must be"),
        ({"stem_pooling": "mean"}, "`stem_pooling` must be"),
        ({"shortcut": "max"}, "`shortcut` must be"),
        ({"groups": 0}, "`groups` must be"),
        ({"width_per_group": 4}, "`width_per_group` must be at least 64"),
        ({"width_per_group": 64.0}, "`width_per_group` must be a positive"),
        ({"stride_in": 1}, "`stride_in` must be"),
        ({"last_stride": 3}, "`last_stride` must be 1 or 2"),
        ({"downsampling": "max"}, "`downsampling` must be"),
        ({"normalization": "layer"}, "`normalization` must be"),
        ({"activation": "rectify"}, "activation"),
        ({"bottleneck": False, "groups": 2}, "blocks of two 3x3"),
        ({"bottleneck": False, "stride_in": "1x1"}, "blocks of two 3x3"),
        (
            {"stem_pooling": "convolution", "downsampling": "blur"},
            "`downsampling` must not be 'average' or 'blur'",
        ),
        (
            {"stem_pooling": "caffe", "activation": "silu"},
            "`activation` must be 'relu'",
        ),
    ],
)
def test_refuses(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ResNet(**{**NARROW, **kwargs})
