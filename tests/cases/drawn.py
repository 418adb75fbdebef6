"""A drawn layer with its arguments, inputs and expected shapes."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A tensor to create; `below` makes it integers from 0 to `below - 1`."""

    shape: tuple
    dtype: str = "float32"
    below: int | None = None


@dataclasses.dataclass(frozen=True)
class Layout:
    """The order of the axes of an image."""

    data_format: str

    def shape(self, batch, height, width, channels):
        """Returns the shape of images."""
        if self.data_format == "channels_first":
            return (batch, channels, height, width)
        return (batch, height, width, channels)

    def sides(self, shape):
        """Returns batch, height, width and channels."""
        if self.data_format == "channels_first":
            return shape[0], shape[2], shape[3], shape[1]
        return tuple(shape)

    def resized(self, shape, height, width):
        """Returns the shape of images with another height and width."""
        batch, _, _, channels = self.sides(shape)
        return self.shape(batch, height, width, channels)


@dataclasses.dataclass(frozen=True)
class Example:
    """A layer with its arguments, inputs and expected shapes.

    Args:
        cls: Class of the layer.
        kwargs: The arguments of the layer.
        inputs: A tensor, or a list of several.
        outputs: A function from the input shapes, and those of further
            arguments of `call` by name, to the list of documented output
            shapes. Unknown sizes are `None`.
        attention: The same for the outputs of `attention()`.
        call: Tensors, or lists of them, for further arguments of `call`.
        fixed_size: Whether height and width must be known.
    """

    cls: type
    kwargs: dict
    inputs: Tensor | list
    outputs: Callable
    attention: Callable | None = None
    call: dict = dataclasses.field(default_factory=dict)
    fixed_size: bool = False

    def map(self, function):
        """Applies a function to all tensors of a call."""
        return keras.tree.map_structure(function, (self.inputs, self.call))

    def arrays(self, fill=None):
        """Returns arrays, normally distributed or equal to `fill`."""
        random = np.random.default_rng(0)

        def array(tensor):
            if tensor.below is not None:
                values = random.integers(tensor.below, size=tensor.shape)
            elif fill is not None:
                values = np.full(tensor.shape, fill)
            else:
                values = random.normal(size=tensor.shape)
            return values.astype(tensor.dtype)

        return self.map(array)

    def symbols(self, unknown_sizes=False):
        """Returns Keras inputs with unknown batch."""

        def symbol(tensor):
            shape = [None, *tensor.shape[1:]]
            if unknown_sizes and len(shape) == 4:
                layout = Layout(self.kwargs["data_format"])
                shape = layout.resized(shape, None, None)
            return keras.Input(batch_shape=shape, dtype=tensor.dtype)

        return self.map(symbol)
