"""Valid and invalid arguments for layers of the first networks."""

import numpy as np
from hypothesis import strategies as st

from keras_attn import layers
from tests.cases.drawn import Example, Tensor
from tests.cases.strategies import (
    BOOL,
    COUNTS,
    NUMBERS,
    SIDE,
    arguments,
    images,
    on_images,
)
from tests.contracts import LayerCase


class AdaptedCase(LayerCase):
    """Draws the mean, which is not trainable and would remain 0."""

    def build(self, subject, data_format="channels_last", size=None):
        super().build(subject, data_format, size)
        random = np.random.default_rng(1)
        mean = random.normal(size=tuple(subject.mean_image.shape))
        subject.mean_image.assign(mean.astype("float32"))


MEAN_IMAGE = AdaptedCase(
    cls=layers.MeanImage,
    shape=(4, 3, 2),
    fixed_size=True,
    reference=lambda weights, x: x - weights["mean"],
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
    # Some indices are out of range, and are dropped.
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


EXAMPLES = {
    layers.LocalResponseNormalization: on_images(
        layers.LocalResponseNormalization,
        optional={
            "size": st.integers(1, 13),
            "alpha": st.floats(0.0, 2.0),
            "beta": st.floats(0.0, 2.0),
            "k": st.floats(1e-3, 3.0),
            "convention": st.sampled_from(["tensorflow", "torch"]),
        },
    ),
    layers.MaxPooling2DWithIndices: max_pooling(),
    layers.MaxUnpooling2D: max_unpooling(),
    layers.MeanImage: on_images(layers.MeanImage, fixed_size=True),
    layers.TenCrop: ten_crop(),
}
_PAIR = [*COUNTS, (2,), (1, 0), (1, 2.0)]
REFUSED = {
    layers.LocalResponseNormalization: {
        "size": [*COUNTS, None],
        "alpha": [*NUMBERS, float("inf")],
        "beta": [*NUMBERS, float("inf")],
        "k": [*NUMBERS, 0.0, float("inf")],
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
    layers.TenCrop: {"height": [*COUNTS, None], "width": [*COUNTS, None]},
}
