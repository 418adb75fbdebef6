"""What each public layer may be given, for tests of properties to draw."""

from hypothesis import strategies as st

from keras_attn import layers
from tests.cases.drawn import Example, Layout, Tensor
from tests.contracts.devices import FORMATS, format_error

BOOL = st.booleans()
SIDE = st.integers(1, 9)
CHANNELS = st.integers(1, 12)
RATIO = st.integers(1, 20)
SMALL = st.integers(1, 5)
EPSILON = st.sampled_from([1e-6, 1e-5, 1e-2, 1.0])
POLICY = st.sampled_from(["float32", "float32", "mixed_bfloat16"])


def layouts():
    """Draws a data format that the backend can convolve images in."""
    formats = [f for f in FORMATS if format_error(f) is None]
    return st.sampled_from([Layout(f) for f in formats])


@st.composite
def images(draw, channels=CHANNELS, least=(1, 1)):
    """Draws a layout, and images with sides from `least` to 9."""
    layout = draw(layouts())
    sides = [draw(st.integers(side, max(9, side))) for side in least]
    shape = layout.shape(draw(st.integers(1, 3)), *sides, draw(channels))
    return layout, Tensor(shape)


def same(layout):
    """Promises the shape of the input."""
    return lambda shape, **call: [shape]


def gates(layout):
    """Promises one number an image and channel."""

    def promise(shape, **call):
        batch, _, _, channels = layout.sides(shape)
        return [(batch, channels)]

    return promise


def of_sides(function):
    """Promises what a function makes of batch, height, width, channels."""
    return lambda layout: lambda shape, **call: function(*layout.sides(shape))


def arguments(draw, layout=None, required=None, optional=None):
    """Draws arguments; of the optional ones some, and defaults for others."""
    own = st.fixed_dictionaries(required or {}, optional=optional or {})
    kwargs = {**draw(own), "dtype": draw(POLICY)}
    if layout is not None:
        kwargs["data_format"] = layout.data_format
    return kwargs


@st.composite
def on_images(
    draw,
    cls,
    required=None,
    optional=None,
    outputs=same,
    attention=None,
    channels=CHANNELS,
    fixed_size=False,
):
    """Draws a layer of one feature map, whose arguments are independent."""
    layout, x = draw(images(channels))
    return Example(
        cls,
        arguments(draw, layout, required, optional),
        x,
        outputs(layout),
        attention and attention(layout),
        fixed_size=fixed_size,
    )


@st.composite
def eca(draw):
    layout, x = draw(images())
    kwargs = arguments(
        draw, layout, optional={"circular": BOOL, "identity_start": BOOL}
    )
    channels = layout.sides(x.shape)[3]
    # A circle that is reached around once: kernel_size // 2 <= channels.
    longest = channels if kwargs.get("circular") else 6
    reach = draw(st.none() | st.integers(0, longest))
    # By the rule, 1 channel has a kernel of 1, all others here one of 3 at
    # most, which reaches no further than the first neighbour.
    kwargs["kernel_size"] = None if reach is None else 2 * reach + 1
    return Example(layers.ECA, kwargs, x, same(layout), gates(layout))


@st.composite
def fca(draw):
    count = draw(st.sampled_from([1, 2, 4, 8, 16, 32]))
    channels = st.integers(1, 2).map(lambda n: n * count)
    kind = draw(st.sampled_from(["top", "low", "bot"]))
    required = {"frequencies": st.just(f"{kind}{count}")}
    optional = {
        "ratio": RATIO,
        "dct_size": st.integers(7, 15),
        "identity_start": BOOL,
    }
    parts = (layers.FCA, required, optional, same, gates, channels)
    return draw(on_images(*parts))


@st.composite
def srm(draw):
    layout, x = draw(images())
    starts = [(True, True), (True, False), (False, False)]
    zero, identity = draw(st.sampled_from(starts))
    kwargs = arguments(draw, layout, optional={"epsilon": EPSILON})
    kwargs |= {"zero_start": zero, "identity_start": identity}
    return Example(layers.SRM, kwargs, x, same(layout), gates(layout))


@st.composite
def gsop(draw):
    required = {"dim": SMALL, "mode": st.sampled_from(["channel", "position"])}
    required["grid"] = st.integers(1, 3)
    optional = {"strides": st.integers(1, 4), "identity_start": BOOL}
    layout, x = draw(images())
    kwargs = arguments(draw, layout, required, optional)

    def attention(shape, **call):
        batch, height, width, channels = layout.sides(shape)
        if kwargs["mode"] == "channel":
            return [(batch, channels)]
        return [(batch, height, width, 1)]

    return Example(layers.GSoP, kwargs, x, same(layout), attention)


@st.composite
def feature_act(draw):
    layout, x = draw(images())
    activation = st.sampled_from([None, "sigmoid", "tanh", "relu"])
    optional = {"ratio": RATIO, "activation": activation}
    kwargs = arguments(draw, layout, optional=optional)

    def attention(shape, **call):
        *others, channels = layout.sides(shape)
        dim = max(1, channels // kwargs.get("ratio", 4))
        return [(*others, dim, dim), shape]

    return Example(
        layers.FeatureAct, kwargs, x, same(layout), attention, fixed_size=True
    )


@st.composite
def dia(draw):
    layout, x = draw(images())
    optional = {"ratio": RATIO, "return_state": BOOL, "identity_start": BOOL}
    kwargs = arguments(draw, layout, optional=optional)
    batch, _, _, channels = layout.sides(x.shape)
    state = [Tensor((batch, channels))] * 2

    def outputs(shape, **call):
        states = 2 * gates(layout)(shape)
        return [shape, *(states if kwargs.get("return_state") else [])]

    call = draw(st.sampled_from([{}, {"initial_state": state}]))
    return Example(layers.DIA, kwargs, x, outputs, gates(layout), call)


@st.composite
def encoding(draw):
    layout, x = draw(images())
    kwargs = arguments(draw, layout, {"num_codes": SMALL})
    codes = kwargs["num_codes"]
    return Example(
        layers.Encoding,
        kwargs,
        x,
        of_sides(lambda b, h, w, c: [(b, codes, c)])(layout),
        of_sides(lambda b, h, w, c: [(b, h, w, codes)])(layout),
    )


@st.composite
def context_encoding(draw):
    layout, x = draw(images())
    kwargs = arguments(
        draw, layout, {"num_codes": SMALL}, {"num_classes": st.none() | SMALL}
    )
    classes = kwargs.get("num_classes")

    def outputs(shape, **call):
        return [shape, *([(shape[0], classes)] if classes else [])]

    cls = layers.ContextEncoding
    return Example(cls, kwargs, x, outputs, gates(layout))


@st.composite
def bilinear_resizing(draw):
    layout, x = draw(images())
    optional = {"align_corners": BOOL}
    kind = draw(st.sampled_from(["factor", "size", "factor", "like"]))
    if kind == "size":
        required = {"height": SIDE, "width": SIDE}
    elif kind == "factor":
        # Of one pixel, something must be left.
        factors = [1.5, 0.5, 0.75, 1, 2, 3.0]
        required = {"scale_factor": st.sampled_from(factors)}
    else:
        required = {}
    kwargs = arguments(draw, layout, required, optional)
    if kind == "factor" and kwargs["scale_factor"] < 1:
        kwargs["align_corners"] = True
    call = {}
    if kind == "like":
        call["like"] = Tensor(draw(images())[1].shape)

    def side(n):
        factor = kwargs["scale_factor"]
        if n is None:
            return None
        if kwargs.get("align_corners", True):
            return int((n - 1) * factor) + 1
        return int(n * factor)

    def outputs(shape, like=None):
        _, height, width, _ = layout.sides(shape)
        size = kwargs.get("height"), kwargs.get("width")
        if kind == "factor":
            size = side(height), side(width)
        elif kind == "like":
            size = layout.sides(like)[1:3]
        return [layout.resized(shape, *size)]

    return Example(layers.BilinearResizing, kwargs, x, outputs, call=call)


@st.composite
def attention_to_scale(draw):
    layout = draw(layouts())
    batch, classes, width = (draw(n) for n in (st.integers(1, 3), SMALL, SMALL))
    scales = draw(st.integers(2, 3))

    def maps(channels):
        sizes = [(draw(SIDE), draw(SIDE)) for _ in range(scales)]
        return [Tensor(layout.shape(batch, *s, channels)) for s in sizes]

    merge = st.sampled_from(["attention", "average", "maximum"])
    kwargs = arguments(
        draw,
        layout,
        {"merge": merge, "filters": SMALL},
        {"dropout": st.sampled_from([0, 0.5]), "seed": st.none() | SMALL},
    )
    call = {"features": maps(width)} if draw(BOOL) else {}

    def attention(shapes, **call):
        return [(*layout.sides(shapes[0])[:3], scales)]

    return Example(
        layers.AttentionToScale,
        kwargs,
        maps(classes),
        lambda shapes, **call: [shapes[0]],
        attention,
        call,
    )


@st.composite
def max_pooling(draw):
    size = draw(st.integers(1, 4) | st.tuples(*[st.integers(1, 4)] * 2))
    pool = (size, size) if isinstance(size, int) else size
    padding = tuple(draw(st.integers(0, side // 2)) for side in pool)
    strides = (
        st.none() | st.integers(1, 3) | st.tuples(*[st.integers(1, 3)] * 2)
    )
    pairs = list(zip(pool, padding, strict=True))
    least = [max(1, side - 2 * pixels) for side, pixels in pairs]
    layout, x = draw(images(least=least))
    kwargs = arguments(draw, layout, optional={"strides": strides})
    kwargs |= {"pool_size": size, "padding": padding}
    step = kwargs.get("strides") or pool
    step = (step, step) if isinstance(step, int) else step

    def outputs(shape, **call):
        _, *sides, _ = layout.sides(shape)
        rules = zip(sides, pool, padding, step, strict=True)
        size = [n and (n + 2 * p - k) // s + 1 for n, k, p, s in rules]
        return [layout.resized(shape, *size)] * 2

    return Example(layers.MaxPooling2DWithIndices, kwargs, x, outputs)


@st.composite
def max_unpooling(draw):
    layout, x = draw(images())
    height, width = draw(SIDE), draw(SIDE)
    optional = {"collisions": st.sampled_from(["add", "overwrite"])}
    kwargs = arguments(draw, layout, optional=optional)
    call = {}
    if draw(BOOL):
        kwargs["output_size"] = height, width
    else:
        call["like"] = Tensor(layout.shape(x.shape[0], height, width, 2))
    # Some lie outside, and are left out.
    below = height * width + draw(st.sampled_from([0, 3]))
    indices = Tensor(x.shape, "int32", below)

    def outputs(shapes, like=None):
        size = layout.sides(like)[1:3] if like else (height, width)
        return [layout.resized(shapes[0], *size)]

    cls = layers.MaxUnpooling2D
    return Example(cls, kwargs, [x, indices], outputs, call=call)


@st.composite
def ten_crop(draw):
    height, width = draw(SIDE), draw(SIDE)
    layout, x = draw(images(least=(height, width)))
    kwargs = arguments(draw, layout)
    kwargs |= {"height": height, "width": width}

    def outputs(shape, **call):
        shape = layout.resized(shape, height, width)
        return [(shape[0] and 10 * shape[0], *shape[1:])]

    return Example(layers.TenCrop, kwargs, x, outputs)


@st.composite
def self_attention(draw):
    heads = draw(st.integers(1, 4))
    size = draw(st.none() | SMALL)
    many = st.integers(1, 3).map(lambda n: n * heads)
    channels = draw(CHANNELS if size else many)
    shape = draw(st.integers(1, 3)), draw(SIDE), channels
    optional = {
        "qkv_bias": BOOL,
        "project": BOOL,
        "dropout": st.sampled_from([0, 0.5]),
        "kernel_initializer": st.sampled_from(["he_normal", "zeros"]),
        "bias_initializer": st.sampled_from([None, "ones"]),
        "seed": st.none() | SMALL,
    }
    kwargs = arguments(draw, optional=optional)
    kwargs |= {"num_heads": heads, "head_dim": size}
    mask = {"mask": Tensor(shape[:2], "bool", 2)}

    def outputs(shape, **call):
        inner = heads * (size or channels // heads)
        project = kwargs.get("project", True)
        return [(*shape[:2], channels if project else inner)]

    return Example(
        layers.MultiHeadSelfAttention,
        kwargs,
        Tensor(shape),
        outputs,
        lambda shape, **call: [(shape[0], heads, shape[1], shape[1])],
        draw(st.sampled_from([{}, mask])),
    )


cbam = on_images(
    layers.CBAM,
    optional={
        "ratio": RATIO,
        "kernel_size": st.integers(0, 5).map(lambda n: 2 * n + 1),
        "use_bias": BOOL,
        "mean_first": BOOL,
        "identity_start": BOOL,
    },
    attention=of_sides(lambda b, h, w, c: [(b, c), (b, h, w, 1)]),
)
local_response_normalization = on_images(
    layers.LocalResponseNormalization,
    optional={
        "size": st.integers(1, 13),
        "alpha": st.floats(0.0, 2.0),
        "beta": st.floats(0.0, 2.0),
        "k": st.floats(1e-3, 3.0),
        "convention": st.sampled_from(["tensorflow", "torch"]),
    },
)
covariance_pooling = on_images(
    layers.CovariancePooling,
    optional={
        "iterations": SMALL,
        "triangle": st.sampled_from(["row", "column"]),
    },
    outputs=of_sides(lambda b, h, w, c: [(b, c * (c + 1) // 2)]),
)
EXAMPLES = {
    layers.AttentionToScale: attention_to_scale(),
    layers.BilinearAttention: on_images(
        layers.BilinearAttention,
        optional={
            "dim": st.none() | SMALL,
            "ratio": RATIO,
            "identity_start": BOOL,
        },
        attention=of_sides(lambda *sides: [sides]),
    ),
    layers.BilinearResizing: bilinear_resizing(),
    layers.CBAM: cbam,
    layers.ContextEncoding: context_encoding(),
    layers.CovariancePooling: covariance_pooling,
    layers.DIA: dia(),
    layers.ECA: eca(),
    layers.Encoding: encoding(),
    layers.FCA: fca(),
    layers.FeatureAct: feature_act(),
    layers.GCT: on_images(
        layers.GCT,
        optional={"norm": st.sampled_from(["l1", "l2"]), "epsilon": EPSILON},
        attention=gates,
    ),
    layers.GSoP: gsop(),
    layers.LocalResponseNormalization: local_response_normalization,
    layers.MaxPooling2DWithIndices: max_pooling(),
    layers.MaxUnpooling2D: max_unpooling(),
    layers.MeanImage: on_images(layers.MeanImage, fixed_size=True),
    layers.MultiHeadSelfAttention: self_attention(),
    layers.SE: on_images(
        layers.SE,
        optional={
            "ratio": RATIO,
            "use_bias": BOOL,
            "divisor": st.integers(1, 8),
            "identity_start": BOOL,
        },
        attention=gates,
    ),
    layers.SOCA: on_images(
        layers.SOCA,
        optional={
            "ratio": RATIO,
            "iterations": SMALL,
            "max_size": st.integers(1, 10),
            "identity_start": BOOL,
        },
        attention=gates,
    ),
    layers.SRM: srm(),
    layers.TenCrop: ten_crop(),
}
