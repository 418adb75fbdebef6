"""Layers that encode, merge, mix or resize whole maps."""

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

CONTEXT_ENCODING = Picture(
    words="A convolution by 1 x 1, a batch normalisation and a ReLU go before "
    "an encoding by codewords. It is normalised, rectified and averaged over "
    "the codewords; a linear layer and a sigmoid make of this the gates. The "
    "map times the gates is added to the map, and a ReLU follows. If asked "
    "for, another linear layer says which classes are present.",
    letters="*K* codewords; dashed: only with `num_classes`",
    parts={
        "x": image(),
        "convolution": weights(
            "convolution 1 × 1", MAIN, 1, "projection/convolution/"
        ),
        "first": weights(
            "batch normalisation", MAIN, 2, "projection/normalization/"
        ),
        "relu": fixed("ReLU", MAIN, 3),
        "encoding": weights(
            "Encoding: codewords, scales", MAIN, 4, "encoding/"
        ),
        "second": weights(
            "batch normalisation", MAIN, 5, "code_normalization/"
        ),
        "rectify": fixed("ReLU", MAIN, 6),
        "mean": fixed("mean over codewords", MAIN + 10, 7, wide=210),
        "W": weights("linear *W*, *b*", LEFT + 16, 8.1, "gate_"),
        "U": weights(
            "linear *U*, *u*", RIGHT + 14, 8.1, "presence_", optional=True
        ),
        "logits": tensor("vector", "", RIGHT + 14, 9.1),
        "sigmoid": fixed("sigmoid", LEFT + 16, 9.1),
        "s": tensor("vector", "*s*", LEFT + 16, 10.1, "c"),
        "gate": join("×", TRUNK + 40, 10.1),
        "add": join("+", TRUNK, 11),
        "last": fixed("ReLU", TRUNK, 12, wide=56),
        "y": image(13, "*y*"),
    },
    flows=(
        "x > convolution",
        "convolution > first: h × w × c",
        "first > relu",
        "relu > encoding: h × w × c",
        "encoding > second: *E*, K × c",
        "second > rectify",
        "rectify > mean: K × c",
        "mean > W: *v*, c",
        "mean > U: *v*, c",
        "U > logits: classes",
        "W > sigmoid: c",
        "sigmoid > s",
        "s > gate",
        "x > gate",
        "x > add",
        "gate > add",
        "add > last",
        "last > y",
    ),
)

ENCODING = Picture(
    words="Scaled squared distances of each position to each codeword are "
    "turned into shares by a softmax over the codewords; each codeword then "
    "sums its residuals, weighed by its shares, over all positions.",
    letters="*n* = h × w positions, *K* codewords",
    parts={
        "x": image(),
        "distance": weights(
            "distances *s*[*k*] |*x* − *c*[*k*]|²",
            MAIN + 20,
            1,
            "codewords",
            "scale",
        ),
        "softmax": fixed("softmax over codewords", MAIN + 20, 2),
        "sum": weights(
            "Σ*ₚ* *a*[*p*, *k*] (*x*[*p*] − *c*[*k*])",
            MAIN - 24,
            3.1,
            "codewords",
            wide=312,
        ),
        "e": tensor("tokens", "*e*", MAIN - 24, 4.2, "K × c"),
    },
    flows=(
        "x > distance",
        "distance > softmax: n × K",
        "softmax > sum: *a*, n × K",
        "x > sum",
        "sum > e",
    ),
)

ATTENTION_TO_SCALE = Picture(
    words="The features of all scales, brought to one size, go side by side "
    "through a convolution by 3 x 3 with ReLU and dropout and one by 1 x 1; a "
    "softmax over the scales makes of it a weight for each scale and "
    "position. The score maps, brought to the same size, are multiplied by "
    "their weights and summed.",
    letters="*S* scales, *k* classes, *d* = `filters`; size of the first scale",
    parts={
        "f": tensor("map", "*fₛ*", 60, 0, "scores"),
        "features": tensor("map", "*xₛ*", 206, 0, "features"),
        "resize": fixed("to one size", 60, 1.1, wide=96),
        "other": fixed("to one size,\nside by side", 206, 1.2, wide=110),
        "hidden": weights("convolution 3 × 3", 206, 2.4, "hidden/"),
        "relu": fixed("ReLU, dropout", 206, 3.4),
        "logits": weights("convolution 1 × 1", 206, 4.4, "logits/"),
        "softmax": fixed("softmax over scales", 206, 5.4),
        "w": tensor("plane", "*wₛ*", 206, 6.5, "h × w, S of them"),
        "gate": join("×", 60, 6.5),
        "sum": fixed("sum over scales", 60, 7.4, wide=112),
        "y": tensor("map", "*y*", 60, 8.5, "h × w × k"),
    },
    flows=(
        "f > resize",
        "resize > gate: h × w × k",
        "features > other",
        "other > hidden: h × w × S c",
        "hidden > relu: h × w × d",
        "relu > logits",
        "logits > softmax: *h*, h × w × S",
        "softmax > w",
        "w > gate",
        "gate > sum",
        "sum > y",
    ),
)

MULTI_HEAD_SELF_ATTENTION = Picture(
    words="One linear layer makes queries, keys and values of the tokens, for "
    "each head. Products of queries and keys, divided by the root of d, go "
    "through a softmax over the keys; these scores weigh the values. The "
    "heads are put side by side, and a linear layer mixes them.",
    letters="*n* tokens of *c* numbers, *H* heads of *d* = c / H numbers",
    parts={
        "x": tensor("tokens", "*x*", MAIN - 20, 0, "n × c"),
        "qkv": weights("linear qkv", MAIN - 20, 1.1, "qkv/", wide=260),
        "q": tensor("tokens", "*q*", FIRST - 30, 2.2),
        "k": tensor("tokens", "*k*", SECOND - 30, 2.2),
        "v": tensor("tokens", "*v*", THIRD - 12, 2.2),
        "product": fixed("*q k*ᵀ / √d", 121, 3.4, wide=130),
        "softmax": fixed("softmax over keys", 121, 4.4),
        "scores": tensor("matrix", "scores", 121, 5.5, "n × n"),
        "times": fixed("scores · *v*", MAIN - 20, 6.6, wide=260),
        "heads": fixed("heads side by side", MAIN - 20, 7.6),
        "projection": weights("linear *W*, *b*", MAIN - 20, 8.6, "projection/"),
        "y": tensor("tokens", "*y*", MAIN - 20, 9.7, "n × c"),
    },
    flows=(
        "x > qkv",
        "qkv > q: n × d",
        "qkv > k: n × d",
        "qkv > v: n × d",
        "q > product",
        "k > product",
        "product > softmax: H of n × n",
        "softmax > scores",
        "scores > times",
        "v > times",
        "times > heads: H of n × d",
        "heads > projection: n × c",
        "projection > y",
    ),
)

BILINEAR_RESIZING = Picture(
    words="The rows of each channel are mixed by one fixed matrix, its columns "
    "by another; each output mixes two neighbours along each axis. Nothing in "
    "it is learned.",
    letters="*h′ × w′* the new size",
    parts={
        "x": tensor("map", "*x*", MAIN - 30, 0, "h × w × c"),
        "A": fixed("rows: *A x*", MAIN - 30, 1.1),
        "B": fixed("columns: *x B*ᵀ", MAIN - 30, 2.1),
        "y": tensor("map", "*y*", MAIN - 30, 3.2, "h′ × w′ × c"),
    },
    flows=("x > A", "A > B: h′ × w × c", "B > y"),
)

SWITCHES = Picture(
    words="Max pooling gives the largest value of each window, and the index "
    "where it was. Whatever becomes of the values, unpooling puts them back to "
    "these indices, in zeros.",
    letters="*h′ × w′* after pooling",
    parts={
        "x": tensor("map", "*x*", MAIN - 30, 0, "h × w × c"),
        "pooling": fixed("MaxPooling2DWithIndices", MAIN - 30, 1.1, wide=240),
        "values": tensor("map", "*v*", LEFT - 36, 2.3, "h′ × w′ × c"),
        "indices": tensor("map", "*i*", RIGHT - 24, 2.3, "indices"),
        "unpooling": fixed("MaxUnpooling2D", MAIN - 30, 3.5, wide=240),
        "y": tensor("map", "*y*", MAIN - 30, 4.6, "h × w × c"),
    },
    flows=(
        "x > pooling",
        "pooling > values",
        "pooling > indices",
        "values > unpooling",
        "indices > unpooling",
        "unpooling > y",
    ),
)

LOCAL_RESPONSE_NORMALIZATION = Picture(
    words="Squares are summed over the channels beside each one; the map is "
    "divided by a power of a constant and this sum. Nothing in it is learned.",
    letters="",
    parts={
        "x": image(),
        "square": fixed("squares", MAIN, 1),
        "sum": fixed("sum over neighbours", MAIN, 2),
        "power": fixed("*k* + *a* · sum", MAIN, 3),
        "root": fixed("to the power of −*β*", MAIN, 4),
        "gate": join("×", TRUNK, 5),
        "y": image(6, "*y*"),
    },
    flows=(
        "x > square",
        "square > sum: h × w × c",
        "sum > power",
        "power > root",
        "root > gate: h × w × c",
        "x > gate",
        "gate > y",
    ),
)
