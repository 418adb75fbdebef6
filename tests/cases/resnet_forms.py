"""Arguments of `ResNet` for the recorded networks of timm."""

import functools

from keras_attn.layers import SE, GlobalContext, SelectiveKernel, SplitAttention

# Of networks with their weights, on images of 40 x 32 pixels.
SMALL = {
    "blocks": (1, 2, 1, 1),
    "filters": (4, 8, 12, 16),
    "input_shape": (40, 32, 3),
    "classes": 5,
    "classifier_activation": None,
}
RECORDED = {
    "timm_resnet_d": {
        "stem": "deep",
        "stem_width": 4,
        "shortcut": "average",
    },
    "timm_ecaresnet_t": {
        "stem": "tiered",
        "stem_width": 8,
        "shortcut": "average",
        "attention": "eca",
    },
    "timm_seresnext": {
        "filters": (8, 16, 24, 32),
        "groups": 4,
        "width_per_group": 8,
        "attention": {"class_name": "keras_attn>SE", "config": {"divisor": 8}},
    },
}

# Of networks with drawn weights, in `tests/goldens/make_forms.py`.
NARROW = {
    "blocks": (1, 1, 1, 1),
    "filters": (8, 8, 8, 16),
    "input_shape": (64, 63, 3),
    "classes": 5,
    "classifier_activation": None,
}
DEEP = {"stem": "deep", "stem_width": 4, "shortcut": "average"}
FORMS = {
    "average": {"bottleneck": False, "downsampling": "average"},
    "blur": {**DEEP, "downsampling": "blur", "activation": "silu"},
    "clip": {
        **DEEP,
        "downsampling": "average",
        "include_top": False,
        "pooling": "avg",
    },
    "global_context": {
        "bottleneck": False,
        "attention": functools.partial(GlobalContext, ratio=8),
    },
    "group": {
        "bottleneck": (False, False, True, False),
        "filters": (32, 32, 32, 64),
        "normalization": "group",
    },
    "legacy": {
        "filters": (64, 128, 256, 512),
        "attention": "se",
        "stem_pooling": "caffe",
        "stride_in": "1x1",
    },
    "rs": {
        **DEEP,
        "stem_pooling": "convolution",
        "attention": functools.partial(SE, ratio=4, divisor=8),
    },
    "selective": {
        "groups": 4,
        "width_per_group": 32,
        "attention": "selective_kernel",
    },
    "selective_split": {
        "blocks": (1, 2, 1, 1),
        "bottleneck": False,
        "attention": functools.partial(SelectiveKernel, split=True, hidden=16),
    },
    "split": {
        **DEEP,
        "blocks": (1, 2, 1, 1),
        "attention": "split_attention",
        "downsampling": "average_3x3",
    },
    "split_fast": {
        **DEEP,
        "groups": 2,
        "attention": functools.partial(SplitAttention, radix=4),
        "downsampling": "average_3x3_first",
    },
}
