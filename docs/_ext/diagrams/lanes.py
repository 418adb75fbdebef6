"""Blocks whose gates come from two or three lanes."""

from diagrams.parts import (
    FIRST,
    LEFT,
    MAIN,
    RIGHT,
    SECOND,
    THIRD,
    TRUNK,
    Picture,
    fixed,
    image,
    join,
    tensor,
    weights,
)

CBAM = Picture(
    words="Mean and maximum of each channel go through the same two linear "
    "layers; the sigmoid of the sum multiplies the channels. Of the result, "
    "maximum and mean over channels are convolved to one plane and "
    "normalised, and its sigmoid multiplies the positions.",
    letters="*k* the kernel size; both vectors go through the same *m*",
    parts={
        "x": image(),
        "mean": fixed("mean", LEFT, 1, wide=84),
        "max": fixed("maximum", RIGHT, 1, wide=84),
        "m": weights(
            "*m*: linear *W₁*, *b₁*, ReLU,\nlinear *W₂*, *b₂*",
            MAIN,
            2.15,
            "excitation/",
            wide=224,
        ),
        "sum": join("+", MAIN, 3.3),
        "sigmoid": fixed("sigmoid", MAIN, 4.15),
        "s": tensor("vector", "*s*", MAIN, 5, "c"),
        "channels": join("×", TRUNK, 5),
        "u": image(6, "*u*"),
        "top": fixed("maximum\nover channels", LEFT, 7.1, wide=112),
        "average": fixed("mean\nover channels", RIGHT, 7.1, wide=112),
        "kernel": weights(
            "convolution k × k, 2 to 1", MAIN, 8.3, "kernel", wide=224
        ),
        "norm": weights("batch normalisation", MAIN, 9.3, "normalization/"),
        "spatial": fixed("sigmoid", MAIN, 10.25),
        "t": tensor("plane", "*t*", MAIN, 11.25, "h × w × 1"),
        "positions": join("×", TRUNK, 11.25),
        "y": image(12.25, "*y*"),
    },
    flows=(
        "x > mean",
        "x > max",
        "mean > m: c",
        "max > m: c",
        "m > sum: c, twice",
        "sum > sigmoid",
        "sigmoid > s",
        "s > channels",
        "x > channels",
        "channels > u",
        "u > top",
        "u > average",
        "top > kernel: h × w",
        "average > kernel: h × w",
        "kernel > norm: h × w",
        "norm > spatial",
        "spatial > t",
        "t > positions",
        "u > positions",
        "positions > y",
    ),
)

DIA = Picture(
    words="The mean of the map and the hidden state of the block before go "
    "through two linear layers each; their sum gives the four gates of a "
    "recurrent cell, which makes a new state c of the old one and a new hidden "
    "state h, and h multiplies the channels of the map. Both states go to the "
    "next block.",
    letters="*r* the ratio; *h′* and *c′* come from the block before, *h* and "
    "*c* go to the next",
    parts={
        "x": image(),
        "before": tensor("vector", "*h′*", RIGHT - 6, 0, "c"),
        "mean": fixed("mean", LEFT, 1, wide=84),
        "V1": weights("linear *V₁*, *v₁*", LEFT, 2, "input_reduce_"),
        "relu1": fixed("ReLU", LEFT, 3),
        "W1": weights("linear *W₁*, *w₁*", LEFT, 4, "input_expand_"),
        "V2": weights("linear *V₂*, *v₂*", RIGHT, 2, "hidden_reduce_"),
        "relu2": fixed("ReLU", RIGHT, 3),
        "W2": weights("linear *W₂*, *w₂*", RIGHT, 4, "hidden_expand_"),
        "sum": join("+", LEFT, 5.05),
        "old": tensor("vector", "*c′*", RIGHT - 6, 5.65, "c"),
        "cell": fixed(
            "*c* = sigmoid(*f*) *c′* + sigmoid(*i*) tanh(*g*)",
            MAIN - 2,
            6.7,
            wide=258,
        ),
        "hidden": fixed("*h* = sigmoid(*o*) sigmoid(*c*)", MAIN - 2, 7.7),
        "h": tensor("vector", "*h*", MAIN, 8.7, "c"),
        "gate": join("×", TRUNK, 8.7),
        "y": image(9.7, "*y*"),
    },
    flows=(
        "x > mean",
        "mean > V1: *z*, c",
        "V1 > relu1: c / r",
        "relu1 > W1",
        "before > V2",
        "V2 > relu2: c / r",
        "relu2 > W2",
        "W1 > sum: 4 c",
        "W2 > sum: 4 c",
        "sum > cell: *i*, *f*, *g*, *o*",
        "old > cell",
        "cell > hidden: *c*, and *o*",
        "hidden > h",
        "h > gate",
        "x > gate",
        "gate > y",
    ),
)

FEATURE_ACT = Picture(
    words="Three linear layers make of each position a source, a target and, "
    "after a ReLU, a main vector. The products of source and target at each "
    "position are mixed over all positions by a matrix; the main vector "
    "weighs what comes out, a last linear layer and a ReLU bring it to the "
    "channels, and it is added to the map.",
    letters="*n* = h × w positions, *d* = c / ratio; dashed: only with "
    "`activation`",
    parts={
        "x": image(),
        "source": weights("source", FIRST, 1, "source_", wide=78),
        "target": weights("target", SECOND, 1, "target_", wide=78),
        "main": weights("main", THIRD, 1, "main_", wide=78),
        "product": join("×", SECOND, 2.1),
        "relu": fixed("ReLU", THIRD, 2.1),
        "mixing": weights("mix positions *W*, *b*", FIRST + 46, 3.1, "mixing"),
        "activation": fixed("activation", FIRST + 46, 4.1, optional=True),
        "sum": fixed("Σ*ᵢ* *m*[*i*] *a*[*i*, *k*]", MAIN, 5.1, wide=224),
        "up": weights("linear *U*, *u*", MAIN, 6.1, "up_"),
        "last": fixed("ReLU", MAIN, 7.1),
        "add": join("+", TRUNK, 8),
        "y": image(9, "*y*"),
    },
    flows=(
        "x > source",
        "x > target",
        "x > main",
        "source > product: *s*",
        "target > product: *t*",
        "main > relu: n × d",
        "product > mixing: *s*[*i*] *t*[*k*] / √n",
        "mixing > activation: n × d × d",
        "activation > sum: *a*",
        "relu > sum: *m*, n × d",
        "sum > up: *f*, n × d",
        "up > last: n × c",
        "last > add",
        "x > add",
        "add > y",
    ),
)
