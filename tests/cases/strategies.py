"""Parts of layer strategies, and values that layers reject."""

from hypothesis import strategies as st

from tests.cases.drawn import Example, Layout, Tensor
from tests.contracts.devices import FORMATS, format_error

BOOL = st.booleans()
SIDE = st.integers(1, 9)
CHANNELS = st.integers(1, 12)
RATIO = st.integers(1, 20)
SMALL = st.integers(1, 5)
EPSILON = st.sampled_from([1e-6, 1e-5, 1e-2, 1.0])
# Values that are not positive integers, and not non-negative numbers.
COUNTS = [0, -1, 1.5, "2", True, [2]]
NUMBERS = ["1", None, float("nan"), -1.0]
POLICY = st.sampled_from(["float32", "float32", "mixed_bfloat16"])


def layouts():
    """Draws a data format in which the backend can convolve images."""
    formats = [f for f in FORMATS if format_error(f) is None]
    return st.sampled_from([Layout(f) for f in formats])


@st.composite
def images(draw, channels=CHANNELS, least=(1, 1)):
    """Draws a layout and images with sides from `least` to 9."""
    layout = draw(layouts())
    sides = [draw(st.integers(side, max(9, side))) for side in least]
    shape = layout.shape(draw(st.integers(1, 3)), *sides, draw(channels))
    return layout, Tensor(shape)


def same(layout):
    """Returns a function that expects the shape of the input."""
    return lambda shape, **call: [shape]


def gates(layout):
    """Returns a function that expects one number per image and channel."""

    def promise(shape, **call):
        batch, _, _, channels = layout.sides(shape)
        return [(batch, channels)]

    return promise


def strided(side, strides):
    """Returns the side of a map after a stride; `None` if it is unknown."""
    return None if side is None else -(-side // strides)


def of_sides(function):
    """Expects the result of a function of batch, height, width and channels."""
    return lambda layout: lambda shape, **call: function(*layout.sides(shape))


def arguments(draw, layout=None, required=None, optional=None):
    """Draws required arguments, and optional ones or their defaults."""
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
    """Draws a layer of one feature map, with independent arguments."""
    layout, x = draw(images(channels))
    return Example(
        cls,
        arguments(draw, layout, required, optional),
        x,
        outputs(layout),
        attention and attention(layout),
        fixed_size=fixed_size,
    )
