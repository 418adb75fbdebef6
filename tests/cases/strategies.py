"""What strategies of layers are made of, and values that layers refuse."""

from hypothesis import strategies as st

from tests.cases.drawn import Example, Layout, Tensor
from tests.contracts.devices import FORMATS, format_error

BOOL = st.booleans()
SIDE = st.integers(1, 9)
CHANNELS = st.integers(1, 12)
RATIO = st.integers(1, 20)
SMALL = st.integers(1, 5)
EPSILON = st.sampled_from([1e-6, 1e-5, 1e-2, 1.0])
# What is not a positive integer, and not a number of 0 or more.
COUNTS = [0, -1, 1.5, "2", True, [2]]
NUMBERS = ["1", None, float("nan"), -1.0]
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
