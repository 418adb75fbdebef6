"""Layouts of the same weight in PyTorch and Keras."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np

from keras_attn import checks

Shape = tuple[int, ...]


class ShapeError(ValueError):
    """Raised for an array whose shape does not fit."""

    def __init__(self, found: Shape, expected: Shape, larger: Shape | None):
        also = f" or {larger}" if larger else ""
        super().__init__(f"shape {found}, expected {expected}{also}")
        self.found, self.expected = found, expected


@dataclass(frozen=True)
class Layout:
    """The two layouts of a weight, with conversions in both directions.

    The data format of a model does not matter, since Keras uses the same
    kernel for both. `to_keras` and `to_torch` are exact inverses.

    Args:
        name: The name of the layout in a report.
        to_keras: Takes an array in PyTorch's layout and the shape of the
            Keras variable, which layouts that split an axis need. Returns the
            array in that shape.
        to_torch: Takes the Keras array and returns PyTorch's.
        larger: Shape in PyTorch of a larger layer, or `None`. `to_keras` also
            accepts its weights, and leaves some of them out.
    """

    name: str
    to_keras: Callable[[np.ndarray, Shape], np.ndarray]
    to_torch: Callable[[np.ndarray], np.ndarray]
    larger: Shape | None = None

    def torch_shape(self, keras_shape: Shape) -> Shape:
        """Returns the PyTorch shape for the shape of a Keras variable."""
        # With strides of zero, the array takes one byte for any shape.
        return self.to_torch(np.broadcast_to(np.int8(0), keras_shape)).shape

    def fit(self, array: np.ndarray, keras_shape: Shape) -> np.ndarray:
        """Reshapes an array for `to_keras`, or raises a `ShapeError`.

        In PyTorch, the same layer may be a matrix, or a convolution whose
        kernel has one pixel or as many pixels as the map.
        """
        expected = self.torch_shape(keras_shape)
        larger = self.larger
        if array.shape == expected:
            return array
        if same_but_for_ones(array.shape, expected):
            return array.reshape(expected)
        if larger and array.shape in (larger, (larger[0], prod(larger[1:]))):
            return array.reshape(larger)
        raise ShapeError(array.shape, expected, larger)


def flattened(height: int, width: int, channels: int) -> Layout:
    """Returns the layout of the linear layer that follows a flatten.

    PyTorch flattens `(channels, height, width)`. Keras' `Flatten` flattens
    `(height, width, channels)` in both data formats, since it moves channels
    that are first to the end. The inputs of the layer, and therefore the rows
    of its Keras kernel, have a different order.

    Args:
        height: Integer, the height of the flattened map.
        width: Integer, its width.
        channels: Integer, its number of channels.

    Returns:
        A `Layout` from `(units, channels * height * width)` to
        `(height * width * channels, units)`.

    Example:

    >>> layout = keras_attn.weights.layouts.flattened(1, 2, 3)
    >>> kernel = layout.to_keras(np.arange(6).reshape(1, 6), (6, 1))
    >>> kernel[:, 0].tolist()
    [0, 2, 4, 1, 3, 5]
    """

    def to_keras(array: np.ndarray, shape: Shape) -> np.ndarray:
        maps = array.reshape(len(array), channels, height, width)
        return maps.transpose(2, 3, 1, 0).reshape(shape)

    def to_torch(array: np.ndarray) -> np.ndarray:
        rows, units = array.shape
        maps = array.reshape(height, width, channels, units)
        return maps.transpose(3, 2, 0, 1).reshape(units, rows)

    name = f"flattened({height}, {width}, {channels})"
    return Layout(name, to_keras, to_torch)


def subsampled(height: int, width: int, channels: int, units: int) -> Layout:
    """Returns the layout of a convolution subsampled from a linear layer.

    VGG16's first linear layer is equivalent to a 7x7 convolution. DeepLab
    keeps every third pixel of it, and every fourth of its 4096 units. This
    leaves the weights of a 3x3 convolution, which dilation spreads again. The
    layout accepts the weights of the larger layer, or subsampled weights.

    Args:
        height: Integer, the height of the flattened map.
        width: Integer, its width.
        channels: Integer, its number of channels, or the units of the layer
            before.
        units: Integer, the units of the larger layer.

    Returns:
        A `Layout` from `(units, channels, height, width)`, or as a matrix
        `(units, channels * height * width)`, to a kernel of any smaller size.

    Example:

    >>> layout = keras_attn.weights.layouts.subsampled(1, 7, 1, 2)
    >>> weights = np.arange(14).reshape(2, 1, 1, 7)
    >>> layout.to_keras(weights, (1, 3, 1, 1))[0, :, 0, 0].tolist()
    [0, 3, 6]
    """
    larger = units, channels, height, width

    def to_keras(array: np.ndarray, shape: Shape) -> np.ndarray:
        target = shape[3], shape[2], shape[0], shape[1]
        return subsample(array, target).transpose(2, 3, 1, 0)

    return Layout(
        f"subsampled{larger}", to_keras, LAYOUTS["conv"].to_torch, larger
    )


def subsampled_units(units: int) -> Layout:
    """Returns the layout of the bias that belongs to `subsampled`."""

    def to_keras(array: np.ndarray, shape: Shape) -> np.ndarray:
        return subsample(array, shape)

    return Layout(f"subsampled({units})", to_keras, lambda x: x, (units,))


def subsample(array: np.ndarray, shape: Shape) -> np.ndarray:
    """Picks every n-th channel, and pixels evenly from edge to edge."""
    for axis, (source, target) in enumerate(
        zip(array.shape, shape, strict=True)
    ):
        i = np.arange(target)
        if axis < 2:
            places = i * source // target
        else:
            places = i * (source - 1) // max(target - 1, 1)
        array = array.take(places, axis)
    return array


def get_layout(identifier: str | Layout) -> Layout:
    """Returns a layout by name, or the layout itself."""
    if isinstance(identifier, Layout):
        return identifier
    return LAYOUTS[checks.one_of("layout", identifier, sorted(LAYOUTS))]


def same_but_for_ones(shape: Shape, expected: Shape) -> bool:
    """Returns whether two shapes are a matrix and a 1x1 convolution."""
    return (
        len(shape) >= 2
        and shape[:2] == expected[:2]
        and set(shape[2:] + expected[2:]) <= {1}
    )


def _permuted(name: str, *axes: int) -> Layout:
    """Returns a layout that transposes an array from PyTorch by `axes`."""
    back = tuple(axes.index(axis) for axis in range(len(axes)))
    return Layout(
        name, lambda x, _: x.transpose(axes), lambda x: x.transpose(back)
    )


def _split_channels(array: np.ndarray, shape: Shape) -> np.ndarray:
    """Returns a depthwise kernel from outputs ordered by channel."""
    channels, filters = shape[2:]
    kernel = array.reshape(channels, filters, *shape[:2])
    return kernel.transpose(2, 3, 0, 1)


def _joined_channels(array: np.ndarray) -> np.ndarray:
    """Returns a depthwise kernel in the shape of a grouped convolution."""
    height, width, channels, filters = array.shape
    kernel = array.transpose(2, 3, 0, 1)
    return kernel.reshape(channels * filters, 1, height, width)


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("same", lambda x, _: x, lambda x: x),
        # (out, in) -> (in, out)
        _permuted("linear", 1, 0),
        # (out, in, height, width) -> (height, width, in, out)
        _permuted("conv", 2, 3, 1, 0),
        # (out, in, length) -> (length, in, out)
        _permuted("conv1d", 2, 1, 0),
        # (c * m, 1, height, width) -> (height, width, c, m)
        Layout("depthwise", _split_channels, _joined_channels),
        # (c, 1, length) -> (c, length)
        Layout("depthwise1d", lambda x, _: x[:, 0], lambda x: x[:, None]),
        # (out, in, 1, 1) -> (in, out)
        Layout(
            "pointwise",
            lambda x, _: x[:, :, 0, 0].T,
            lambda x: x.T[:, :, None, None],
        ),
        # (out, in, 1, 1) -> (out, in): multiplies the positions of a map
        # from the left.
        Layout(
            "position",
            lambda x, _: x[:, :, 0, 0],
            lambda x: x[:, :, None, None],
        ),
        # (c, 1, 1) -> (c,): a layer normalisation of maps of one pixel.
        Layout("pixel", lambda x, _: x[:, 0, 0], lambda x: x[:, None, None]),
        # (1, c, 1, 1) -> (c,)
        Layout(
            "channels",
            lambda x, _: x[0, :, 0, 0],
            lambda x: x[None, :, None, None],
        ),
    )
}
