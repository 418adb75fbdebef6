"""Blocks that look at products of features."""

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

SOCA = Picture(
    words="The covariance of the channels is taken, and its root; the mean of "
    "the root's rows goes through two linear layers with a ReLU between them, "
    "and the sigmoid multiplies the channels of the map.",
    letters="*r* the ratio",
    parts={
        "x": image(),
        "covariance": fixed("covariance of channels", MAIN, 1),
        "S": tensor("matrix", "*S*", MAIN, 2.1, "c × c"),
        "root": fixed("root, by Newton-Schulz", MAIN, 3.2),
        "mean": fixed("mean of its rows", MAIN, 4.2),
        "reduce": weights("linear *W₁*, *b₁*", MAIN, 5.2, "excitation/reduce_"),
        "relu": fixed("ReLU", MAIN, 6.2),
        "expand": weights("linear *W₂*, *b₂*", MAIN, 7.2, "excitation/expand_"),
        "sigmoid": fixed("sigmoid", MAIN, 8.2),
        "s": tensor("vector", "*s*", MAIN, 9.2, "c"),
        "gate": join("×", TRUNK, 9.2),
        "y": image(10.2, "*y*"),
    },
    flows=(
        "x > covariance",
        "covariance > S",
        "S > root",
        "root > mean: c × c",
        "mean > reduce: *v*, c",
        "reduce > relu: c / r",
        "relu > expand: c / r",
        "expand > sigmoid: c",
        "sigmoid > s",
        "s > gate",
        "x > gate",
        "gate > y",
    ),
)

GSOP = Picture(
    words="In channel mode. A ReLU, a linear layer for each position, a batch "
    "normalisation and a ReLU bring the map to few channels, whose covariance "
    "is taken. It is normalised by rows, each row gives four sums, and of all "
    "sums a linear layer and a sigmoid make the gates that multiply the "
    "channels of the map.",
    letters="*d* = `dim`",
    parts={
        "x": image(),
        "relu": fixed("ReLU", MAIN, 1),
        "W": weights(
            "linear *W*, *b*", MAIN, 2, "projection/kernel", "projection/bias"
        ),
        "norm": weights(
            "batch normalisation", MAIN, 3, "projection/normalization/"
        ),
        "second": fixed("ReLU", MAIN, 4),
        "covariance": fixed("covariance of channels", MAIN, 5),
        "S": tensor("matrix", "*S*", MAIN, 6.1, "d × d"),
        "rows": weights(
            "batch normalisation by rows", MAIN, 7.2, "row_normalization/"
        ),
        "sums": weights(
            "four sums a row *R*, *c*", MAIN, 8.2, "row_kernel", "row_bias"
        ),
        "U": weights("linear *U*, *u*", MAIN, 9.2, "gate_kernel", "gate_bias"),
        "sigmoid": fixed("sigmoid", MAIN, 10.2),
        "s": tensor("vector", "*s*", MAIN, 11.2, "c"),
        "gate": join("×", TRUNK, 11.2),
        "y": image(12.2, "*y*"),
    },
    flows=(
        "x > relu",
        "relu > W: h × w × c",
        "W > norm: h × w × d",
        "norm > second: *p*",
        "second > covariance: h × w × d",
        "covariance > S",
        "S > rows",
        "rows > sums: *r*, d × d",
        "sums > U: *o*, 4 d",
        "U > sigmoid: c",
        "sigmoid > s",
        "s > gate",
        "x > gate",
        "gate > y",
    ),
)

GSOP_POSITION = Picture(
    words="In position mode. After ReLU, linear layer and batch normalisation "
    "the map is averaged to a small grid, and the covariance of its positions "
    "is taken. It is normalised by rows, each row gives four sums, a ReLU "
    "follows, and of these a linear layer and a sigmoid make a gate for each "
    "position of the grid, which is averaged to the size of the map and "
    "multiplies its positions.",
    letters="*d* = `dim`, *g* = `grid`",
    parts={
        "x": image(),
        "relu": fixed("ReLU", MAIN, 1),
        "W": weights(
            "linear *W*, *b*", MAIN, 2, "projection/kernel", "projection/bias"
        ),
        "norm": weights(
            "batch normalisation", MAIN, 3, "projection/normalization/"
        ),
        "grid": fixed("average to a grid", MAIN, 4),
        "covariance": fixed("covariance of positions", MAIN, 5),
        "S": tensor("matrix", "*S*", MAIN, 6.1, "g² × g²"),
        "rows": weights(
            "batch normalisation by rows", MAIN, 7.2, "row_normalization/"
        ),
        "sums": weights(
            "four sums a row *R*, *c*", MAIN, 8.2, "row_kernel", "row_bias"
        ),
        "rectify": fixed("ReLU", MAIN, 9.2),
        "U": weights("linear *U*, *u*", MAIN, 10.2, "gate_kernel", "gate_bias"),
        "sigmoid": fixed("sigmoid", MAIN, 11.2),
        "size": fixed("average to the map's size", MAIN, 12.2),
        "s": tensor("plane", "*s*", MAIN, 13.25, "h × w × 1"),
        "gate": join("×", TRUNK, 13.25),
        "y": image(14.25, "*y*"),
    },
    flows=(
        "x > relu",
        "relu > W: h × w × c",
        "W > norm: h × w × d",
        "norm > grid: *p*, h × w × d",
        "grid > covariance: g × g × d",
        "covariance > S",
        "S > rows",
        "rows > sums: *r*, g² × g²",
        "sums > rectify: *o*, 4 g²",
        "rectify > U: 4 g²",
        "U > sigmoid: g²",
        "sigmoid > size: g × g",
        "size > s",
        "s > gate",
        "x > gate",
        "gate > y",
    ),
)

COVARIANCE_POOLING = Picture(
    words="The covariance of the channels over all positions is taken, then "
    "its root by a few Newton-Schulz iterations, and of the symmetric matrix "
    "the upper triangle is what comes out. Nothing in it is learned.",
    letters="",
    parts={
        "x": image(),
        "covariance": fixed("covariance of channels", MAIN, 1),
        "S": tensor("matrix", "*S*", MAIN, 2.1, "c × c"),
        "root": fixed("root, by Newton-Schulz", MAIN, 3.2),
        "triangle": fixed("upper triangle", MAIN, 4.2),
        "y": tensor("vector", "*y*", MAIN - 20, 5.1, "c (c + 1) / 2"),
    },
    flows=(
        "x > covariance",
        "covariance > S",
        "S > root",
        "root > triangle: c × c",
        "triangle > y",
    ),
)

BILINEAR_ATTENTION = Picture(
    words="A linear layer for each position, a batch normalisation and a ReLU "
    "bring the map to few channels; at each position all products of two of "
    "them are taken. Their means go through two linear layers to an inner "
    "gate for each channel; a linear layer brings the products themselves to "
    "the channels of the map. The sigmoid of inner gate times that multiplies "
    "each value of the map.",
    letters="*d* = `dim`, *D* = d (d + 1) / 2 products, *r* the ratio",
    parts={
        "x": image(),
        "P": weights("linear *P*", MAIN, 1, "projection/kernel"),
        "norm": weights(
            "batch normalisation", MAIN, 2, "projection/normalization/"
        ),
        "relu": fixed("ReLU", MAIN, 3),
        "products": fixed(
            "products *f*[*i*] *f*[*j*], *i* ≤ *j*", MAIN, 4, wide=224
        ),
        "mean": fixed("mean over positions", LEFT, 5.05, wide=140),
        "W1": weights("linear *W₁*, *b₁*", LEFT, 6.05, "inner_reduce_"),
        "inner": fixed("ReLU", LEFT, 7.05),
        "W2": weights("linear *W₂*, *b₂*", LEFT, 8.05, "inner_expand_"),
        "sigmoid": fixed("sigmoid", LEFT, 9.05),
        "V": weights("linear *V*, *v*", RIGHT + 4, 9.05, "outer_"),
        "times": join("×", RIGHT + 4, 10),
        "outer": fixed("sigmoid", RIGHT + 4, 10.95),
        "s": tensor("map", "*s*", RIGHT + 4, 12, ""),
        "gate": join("×", TRUNK, 12),
        "y": image(13, "*y*"),
    },
    flows=(
        "x > P",
        "P > norm: h × w × d",
        "norm > relu",
        "relu > products: *f*, h × w × d",
        "products > mean: *t*",
        "mean > W1: D",
        "W1 > inner: c / r",
        "inner > W2",
        "W2 > sigmoid: c",
        "products > V: h × w × D",
        "sigmoid > times: *w*, c",
        "V > times: h × w × c",
        "times > outer",
        "outer > s",
        "s > gate: h × w × c",
        "x > gate",
        "gate > y",
    ),
)
