import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attn.weights.layouts import (
    LAYOUTS,
    Layout,
    flattened,
    get_layout,
    same_but_for_ones,
)

pytestmark = pytest.mark.once

size = st.integers(1, 4)

# Shapes in PyTorch and Keras for the same sizes, written out by hand, and the
# index in PyTorch of the element at `k` in Keras.
EXPECTED = {
    "same": (lambda a, b, c, d: ((a, b), (a, b)), lambda k, s: k),
    "linear": (lambda a, b, c, d: ((a, b), (b, a)), lambda k, s: (k[1], k[0])),
    "conv": (
        lambda a, b, c, d: ((a, b, c, d), (c, d, b, a)),
        lambda k, s: (k[3], k[2], k[0], k[1]),
    ),
    "conv1d": (
        lambda a, b, c, d: ((a, b, c), (c, b, a)),
        lambda k, s: (k[2], k[1], k[0]),
    ),
    "depthwise": (
        lambda a, b, c, d: ((a * b, 1, c, d), (c, d, a, b)),
        lambda k, s: (k[2] * s[3] + k[3], 0, k[0], k[1]),
    ),
    "depthwise1d": (
        lambda a, b, c, d: ((a, 1, b), (a, b)),
        lambda k, s: (k[0], 0, k[1]),
    ),
    "pointwise": (
        lambda a, b, c, d: ((a, b, 1, 1), (b, a)),
        lambda k, s: (k[1], k[0], 0, 0),
    ),
    "position": (
        lambda a, b, c, d: ((a, b, 1, 1), (a, b)),
        lambda k, s: (k[0], k[1], 0, 0),
    ),
    "pixel": (
        lambda a, b, c, d: ((a, 1, 1), (a,)),
        lambda k, s: (k[0], 0, 0),
    ),
    "channels": (
        lambda a, b, c, d: ((1, a, 1, 1), (a,)),
        lambda k, s: (0, k[0], 0, 0),
    ),
}


def numbered(shape):
    return np.arange(np.prod(shape)).reshape(shape)


def test_all_named_layouts_are_tested():
    assert LAYOUTS.keys() == EXPECTED.keys()
    assert all(layout.name == name for name, layout in LAYOUTS.items())


@pytest.mark.parametrize("name", EXPECTED)
@settings(max_examples=25, deadline=None, database=None)
@given(sizes=st.tuples(size, size, size, size))
def test_puts_each_number_in_its_place_and_back(name, sizes):
    layout = LAYOUTS[name]
    shapes, place = EXPECTED[name]
    torch_shape, keras_shape = shapes(*sizes)
    array = numbered(torch_shape)
    kernel = layout.to_keras(array, keras_shape)
    assert kernel.shape == keras_shape
    assert layout.torch_shape(keras_shape) == torch_shape
    for index in itertools.product(*map(range, keras_shape)):
        assert kernel[index] == array[place(index, keras_shape)]
    np.testing.assert_array_equal(layout.to_torch(kernel), array)


@settings(max_examples=25, deadline=None, database=None)
@given(height=size, width=size, channels=size, units=size)
def test_flattened_moves_the_channels_last(height, width, channels, units):
    layout = flattened(height, width, channels)
    array = numbered((units, channels * height * width))
    keras_shape = (height * width * channels, units)
    kernel = layout.to_keras(array, keras_shape)
    assert kernel.shape == keras_shape
    assert layout.torch_shape(keras_shape) == array.shape
    for h, w, c, u in np.ndindex(height, width, channels, units):
        row = (h * width + w) * channels + c
        column = (c * height + h) * width + w
        assert kernel[row, u] == array[u, column]
    np.testing.assert_array_equal(layout.to_torch(kernel), array)


def test_flattened_refuses_a_kernel_of_another_map():
    with pytest.raises(ValueError, match="reshape"):
        flattened(2, 2, 3).torch_shape((24, 5))


def test_finds_the_shape_of_a_large_kernel_without_its_memory():
    shape = (10**6, 10**6)
    assert LAYOUTS["linear"].torch_shape(shape) == shape


def test_a_layout_is_given_by_name_or_by_itself():
    layout = Layout("mine", lambda x, _: x, lambda x: x)
    assert get_layout(layout) is layout
    assert get_layout("conv") is LAYOUTS["conv"]


def test_says_which_layouts_there_are():
    with pytest.raises(ValueError, match="'channels'.*Received: layout='cnv'"):
        get_layout("cnv")


@pytest.mark.parametrize(
    ("shape", "expected", "answer"),
    [
        ((5, 3, 1, 1), (5, 3), True),
        ((5, 3), (5, 3, 1, 1), True),
        ((5, 3, 1), (5, 3, 1, 1), True),
        ((5, 1), (5, 1, 1, 1), True),
        ((3, 5, 1, 1), (5, 3), False),
        ((5, 3, 1, 2), (5, 3), False),
        ((5, 3), (5, 3, 2, 1), False),
        # A convolution to one channel is not a depthwise convolution.
        ((1, 5, 1, 1), (5, 1, 1, 1), False),
        ((5,), (5, 1), False),
        ((5, 1), (5,), False),
        ((), (), False),
    ],
)
def test_knows_a_1x1_convolution_from_other_shapes(shape, expected, answer):
    assert same_but_for_ones(shape, expected) is answer
