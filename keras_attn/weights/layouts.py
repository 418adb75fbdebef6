"""How PyTorch and Keras lay out the same weight."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """The two layouts of a weight, and the way from each to the other.

    The data format of a model does not matter: Keras keeps the same kernel
    for both. `to_keras` and `to_torch` undo each other exactly.

    Args:
        name: What a report calls the layout.
        to_keras: Takes an array as PyTorch lays it out, and the shape of the
            Keras variable, for layouts that split an axis; returns the array
            in that shape.
        to_torch: Takes the Keras array and returns PyTorch's.
    """

    name: str
    to_keras: Callable[[np.ndarray, Shape], np.ndarray]
    to_torch: Callable[[np.ndarray], np.ndarray]

    def torch_shape(self, keras_shape: Shape) -> Shape:
        """Returns the shape in PyTorch of a variable of a Keras shape."""
        # The stand-in has strides of zero: it takes one byte at any shape.
        return self.to_torch(np.broadcast_to(np.int8(0), keras_shape)).shape


def flattened(height: int, width: int, channels: int) -> Layout:
    """Returns the layout of the linear layer that follows a flatten.

    PyTorch flattens `(channels, height, width)`. Keras' `Flatten` flattens
    `(height, width, channels)` in both data formats, since it moves the
    channels last when told that they are first. The inputs of the layer, and
    so the rows of its Keras kernel, come in another order.

    Args:
        height: Integer, the height of the map that is flattened.
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


def get_layout(identifier: str | Layout) -> Layout:
    """Returns a layout by name, or the layout itself."""
    if isinstance(identifier, Layout):
        return identifier
    if identifier not in LAYOUTS:
        raise ValueError(
            f"A layout must be a `Layout` or one of {sorted(LAYOUTS)}. "
            f"Received: layout={identifier!r}"
        )
    return LAYOUTS[identifier]


def same_but_for_ones(shape: Shape, expected: Shape) -> bool:
    """Tells a matrix and the 1x1 convolution that computes the same."""
    return (
        len(shape) >= 2
        and shape[:2] == expected[:2]
        and set(shape[2:] + expected[2:]) <= {1}
    )


def _permuted(name: str, *axes: int) -> Layout:
    """Returns a layout that reorders axes, those of PyTorch as listed."""
    back = tuple(axes.index(axis) for axis in range(len(axes)))
    return Layout(
        name, lambda x, _: x.transpose(axes), lambda x: x.transpose(back)
    )


def _split_channels(array: np.ndarray, shape: Shape) -> np.ndarray:
    """Returns a depthwise kernel: outputs run over channels, then filters."""
    channels, filters = shape[2:]
    kernel = array.reshape(channels, filters, *shape[:2])
    return kernel.transpose(2, 3, 0, 1)


def _joined_channels(array: np.ndarray) -> np.ndarray:
    """Returns a depthwise kernel as a grouped convolution holds it."""
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
        # (out, in, 1, 1) -> (out, in): a product over the positions of a
        # map, from the left.
        Layout(
            "position",
            lambda x, _: x[:, :, 0, 0],
            lambda x: x[:, :, None, None],
        ),
        # (1, c, 1, 1) -> (c,)
        Layout(
            "channels",
            lambda x, _: x[0, :, 0, 0],
            lambda x: x[None, :, None, None],
        ),
    )
}
