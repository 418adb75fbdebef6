"""Values of arguments that the public layers refuse."""

from keras_attn import layers

# What is not a positive integer.
COUNTS = [0, -1, 1.5, "2", True, [2]]
INVALID_NUMBERS = ["1", None, float("nan"), -1.0]
_PAIR = [*COUNTS, (2,), (1, 0), (1, 2.0)]
REFUSED = {
    layers.AttentionToScale: {
        "merge": ["mean", None, ["attention"]],
        "filters": [*COUNTS, None],
        "dropout": [1.0, -0.1, "0.5", None, float("nan")],
    },
    layers.BilinearAttention: {"dim": COUNTS, "ratio": [*COUNTS, None]},
    layers.BilinearResizing: {
        "height": COUNTS,
        "width": COUNTS,
        "scale_factor": [0, -1.0, "2", True, float("nan"), float("inf")],
    },
    layers.CBAM: {
        "ratio": [*COUNTS, None],
        "kernel_size": [*COUNTS, None, 2, (3, 3)],
    },
    layers.ContextEncoding: {
        "num_codes": [*COUNTS, None],
        "num_classes": COUNTS,
    },
    layers.CovariancePooling: {
        "iterations": [*COUNTS, None],
        "triangle": ["rows", None],
    },
    layers.DIA: {"ratio": [*COUNTS, None]},
    layers.ECA: {"kernel_size": [*COUNTS, 2]},
    layers.Encoding: {"num_codes": [*COUNTS, None]},
    layers.FCA: {
        "ratio": [*COUNTS, None],
        "frequencies": ["top3", "mid4", 16, None, ["top4"]],
        "dct_size": [*COUNTS, None, 6],
    },
    layers.FeatureAct: {
        "ratio": [*COUNTS, None],
        "activation": ["no such", 3],
    },
    layers.GCT: {
        "norm": ["l3", None, 2],
        "epsilon": [*INVALID_NUMBERS, 0.0, float("inf")],
    },
    layers.GSoP: {
        "dim": [*COUNTS, None],
        "mode": ["spatial", None],
        "strides": [*COUNTS, None, (2, 2)],
        "grid": [*COUNTS, None],
    },
    layers.LocalResponseNormalization: {
        "size": [*COUNTS, None],
        "alpha": [*INVALID_NUMBERS, float("inf")],
        "beta": [*INVALID_NUMBERS, float("inf")],
        "k": [*INVALID_NUMBERS, 0.0, float("inf")],
        "convention": ["caffe", None],
    },
    layers.MaxPooling2DWithIndices: {
        "pool_size": [*_PAIR, None],
        "strides": _PAIR,
        "padding": [9, -1, 0.5, "same", None, (0, 9), True],
    },
    layers.MaxUnpooling2D: {
        "output_size": _PAIR,
        "collisions": ["mean", None],
    },
    layers.MeanImage: {},
    layers.MultiHeadSelfAttention: {
        "num_heads": [*COUNTS, None],
        "head_dim": COUNTS,
        "dropout": [*INVALID_NUMBERS, 1.0],
        "kernel_initializer": ["no such"],
        "bias_initializer": ["no such"],
    },
    layers.SE: {"ratio": [*COUNTS, None], "divisor": [*COUNTS, None]},
    layers.SOCA: {
        "ratio": [*COUNTS, None],
        "iterations": [*COUNTS, None],
        "max_size": [*COUNTS, None],
    },
    layers.SRM: {"epsilon": [*INVALID_NUMBERS, 0.0, float("inf")]},
    layers.TenCrop: {"height": [*COUNTS, None], "width": [*COUNTS, None]},
}
