"""Blocks that gate channels by a statistic of each."""

from diagrams.parts import (
    LEFT,
    MAIN,
    RIGHT,
    TRUNK,
    Picture,
    fixed,
    image,
    join,
    tensor,
    weights,
)

SE = Picture(
    words="The map is averaged to a value a channel; a linear layer makes "
    "them fewer, a ReLU and a second one make them as many again, and their "
    "sigmoid multiplies the channels of the map.",
    letters="*r* the ratio",
    parts={
        "x": image(),
        "mean": fixed("mean over positions", MAIN, 1),
        "reduce": weights("linear *W₁*, *b₁*", MAIN, 2, "excitation/reduce_"),
        "relu": fixed("ReLU", MAIN, 3),
        "expand": weights("linear *W₂*, *b₂*", MAIN, 4, "excitation/expand_"),
        "sigmoid": fixed("sigmoid", MAIN, 5),
        "s": tensor("vector", "*s*", MAIN, 6, "c"),
        "gate": join("×", TRUNK, 6),
        "y": image(7, "*y*"),
    },
    flows=(
        "x > mean",
        "mean > reduce: *z*, c",
        "reduce > relu: c / r",
        "relu > expand: c / r",
        "expand > sigmoid: c",
        "sigmoid > s",
        "s > gate",
        "x > gate",
        "gate > y",
    ),
)

ECA = Picture(
    words="The map is averaged to a value a channel; one short kernel slides "
    "over the channels, and the sigmoid of what it gives multiplies the "
    "channels of the map.",
    letters="*k* the kernel size",
    parts={
        "x": image(),
        "mean": fixed("mean over positions", MAIN, 1),
        "kernel": weights(
            "convolution along channels\nkernel *w*, k numbers",
            MAIN,
            2.15,
            "kernel",
        ),
        "sigmoid": fixed("sigmoid", MAIN, 3.3),
        "s": tensor("vector", "*s*", MAIN, 4.3, "c"),
        "gate": join("×", TRUNK, 4.3),
        "y": image(5.3, "*y*"),
    },
    flows=(
        "x > mean",
        "mean > kernel: *z*, c",
        "kernel > sigmoid: c",
        "sigmoid > s",
        "s > gate",
        "x > gate",
        "gate > y",
    ),
)

SRM = Picture(
    words="Mean and standard deviation of each channel are weighed by two "
    "numbers of that channel and added, normalised over the batch, and the "
    "sigmoid multiplies the channels of the map.",
    letters="",
    parts={
        "x": image(),
        "mean": fixed("mean", LEFT, 1, wide=84),
        "deviation": fixed("deviation", RIGHT, 1, wide=90),
        "kernel": weights(
            "*w₁* mean + *w₂* deviation", MAIN, 2, "kernel", wide=224
        ),
        "norm": weights("batch normalisation", MAIN, 3, "normalization/"),
        "sigmoid": fixed("sigmoid", MAIN, 4),
        "s": tensor("vector", "*s*", MAIN, 5, "c"),
        "gate": join("×", TRUNK, 5),
        "y": image(6, "*y*"),
    },
    flows=(
        "x > mean",
        "x > deviation",
        "mean > kernel: c",
        "deviation > kernel: c",
        "kernel > norm: *z*, c",
        "norm > sigmoid: c",
        "sigmoid > s",
        "s > gate",
        "x > gate",
        "gate > y",
    ),
)

GCT = Picture(
    words="The norm of each channel over its positions is multiplied by alpha "
    "and divided by the root of the mean square over channels; multiplied by "
    "gamma, with beta added, its tanh plus 1 multiplies the channels of the "
    "map.",
    letters="",
    parts={
        "x": image(),
        "norm": fixed("norm over positions", MAIN, 1),
        "alpha": weights("multiply by *α*", MAIN, 2, "alpha"),
        "divide": fixed("divide by RMS over channels", MAIN, 3),
        "gamma": weights("multiply by *γ*, add *β*", MAIN, 4, "gamma", "beta"),
        "tanh": fixed("1 + tanh", MAIN, 5),
        "s": tensor("vector", "*s*", MAIN, 6, "c"),
        "gate": join("×", TRUNK, 6),
        "y": image(7, "*y*"),
    },
    flows=(
        "x > norm",
        "norm > alpha: c",
        "alpha > divide: *e*, c",
        "divide > gamma: c",
        "gamma > tanh: c",
        "tanh > s",
        "s > gate",
        "x > gate",
        "gate > y",
    ),
)

FCA = Picture(
    words="Each group of channels is weighed by one cosine wave over the "
    "positions and summed to a value a channel; two linear layers with a ReLU "
    "between them and a sigmoid make of these the gates that multiply the "
    "channels of the map.",
    letters="*r* the ratio",
    parts={
        "x": image(),
        "dct": fixed("cosine transform, one\nfrequency a group", MAIN, 1.15),
        "reduce": weights("linear *W₁*", MAIN, 2.3, "excitation/reduce_"),
        "relu": fixed("ReLU", MAIN, 3.3),
        "expand": weights("linear *W₂*", MAIN, 4.3, "excitation/expand_"),
        "sigmoid": fixed("sigmoid", MAIN, 5.3),
        "s": tensor("vector", "*s*", MAIN, 6.3, "c"),
        "gate": join("×", TRUNK, 6.3),
        "y": image(7.3, "*y*"),
    },
    flows=(
        "x > dct",
        "dct > reduce: *z*, c",
        "reduce > relu: c / r",
        "relu > expand: c / r",
        "expand > sigmoid: c",
        "sigmoid > s",
        "s > gate",
        "x > gate",
        "gate > y",
    ),
)
