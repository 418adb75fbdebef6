"""The chain of layers from the image to a given layer.

A DeconvNet can run such a chain backwards: convolutions, max and average
pooling, padding, and layers that treat each pixel or channel separately.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_attn.backend.padding import pixels
from keras_attn.explain.running import structure
from keras_attn.explain.running.feature_maps import Place
from keras_attn.explain.running.inputs import Indices, Inputs
from keras_attn.explain.running.network import Network
from keras_attn.explain.running.trace import Call

_PASSED = (
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.GaussianNoise,
    keras.layers.Identity,
    keras.layers.Normalization,
    keras.layers.Rescaling,
    keras.layers.SpatialDropout2D,
)
_OWN_PASSED = ("keras_attn>MeanImage",)
NORMALIZATION = "keras_attn>LocalResponseNormalization"
_OWN_POOLING = "keras_attn>MaxPooling2DWithIndices"
_RELU = keras.activations.relu


@dataclasses.dataclass(frozen=True)
class Window:
    """The inputs from which a layer computes an output, along one axis.

    Attributes:
        size: Number of inputs in the window.
        stride: Distance between the windows of neighbouring outputs.
        rate: Distance between neighbouring inputs of one window.
        before: Amount of padding before the first input.
        inputs: Total number of inputs.
    """

    size: int
    stride: int
    rate: int
    before: int
    inputs: int

    def field(self, outputs: np.ndarray) -> np.ndarray:
        """Returns the inputs of some outputs, without the padding."""
        first = outputs[:, None] * self.stride - self.before
        found = np.unique(first + self.rate * np.arange(self.size))
        return found[(found >= 0) & (found < self.inputs)]


@dataclasses.dataclass(frozen=True)
class Chain:
    """The calls from the image to a layer, in order.

    Attributes:
        calls: The calls.
        windows: Row and column windows of the calls that have them.
    """

    calls: tuple[Call, ...]
    windows: tuple[tuple[Window, Window], ...]

    def box(self, rows: Indices, columns: Indices) -> tuple[int, int, int, int]:
        """Returns the receptive field of outputs in some rows and columns.

        The box is top, left, bottom and right, the last two exclusive. It is
        all zeros if there are no outputs.
        """
        ends = []
        for axis, outputs in enumerate((rows, columns)):
            field = np.asarray(outputs, "int64")
            for pair in reversed(self.windows):
                field = pair[axis].field(field)
            ends.append(
                (field.min(), field.max() + 1) if len(field) else (0,) * 2
            )
        (top, bottom), (left, right) = ends
        return int(top), int(left), int(bottom), int(right)


def chain_to(network: Network, inputs: Inputs, place: Place) -> Chain:
    """Returns the chain that ends in a feature map.

    Raises:
        ValueError: If there is no such chain. The error names the first layer
            that breaks it, starting from the feature map.
    """
    trace = network.trace(inputs)
    last = next(
        call
        for call in trace.calls
        if (call.operation, call.number) == (place.operation, place.number)
    )
    calls, windows = [last], []
    while True:
        call = calls[-1]
        problem = _problem(call)
        if problem is None and len(call.sources) != 1:
            problem = f"takes {len(call.sources)} tensors"
        source = next(iter(call.sources), None)
        if problem is None and source is None:
            problem = "takes an input that no layer has made"
        if problem is not None or source is None:
            raise ValueError(
                "The image and the layer must be connected by a single chain "
                "of convolutions, ReLUs, poolings and normalisations. "
                f"Received: layer={last.path!r}. Going back from there, the "
                f"first layer that breaks the chain is {call.path!r} "
                f"({type(call.operation).__name__}), which {problem}. Choose "
                "a layer before it"
            )
        made = None if source < 0 else trace.calls[source]
        shape = made.shape if made else inputs.images.shape[1:]
        windows.append(_windows(call.operation, shape, network.data_format))
        if not made:
            break
        calls.append(made)
    found = tuple(each for each in windows[::-1] if each is not None)
    return Chain(tuple(calls[::-1]), found)


def is_relu(operation: keras.Operation) -> bool:
    """Returns whether an operation is a plain ReLU."""
    if isinstance(operation, keras.layers.ReLU):
        return not (operation.negative_slope or operation.threshold)
    layer = isinstance(operation, keras.layers.Layer)
    return not layer and type(operation).__name__ in ("Relu", "Relu6")


def name_of(operation: keras.Operation) -> str:
    """Returns the registered name of a class, `package>Class`."""
    return keras.saving.get_registered_name(type(operation))


def _convolution(operation: keras.Operation) -> Any:
    """Returns the convolution that a layer is or contains, if any."""
    found = getattr(operation, "convolution", operation)
    kinds = keras.layers.Conv2D, keras.layers.DepthwiseConv2D
    return found if isinstance(found, kinds) else None


def _is_pooling(operation: keras.Operation) -> bool:
    kinds = keras.layers.MaxPooling2D, keras.layers.AveragePooling2D
    return isinstance(operation, kinds) or name_of(operation) == _OWN_POOLING


def _problem(call: Call) -> str | None:
    """Returns why a layer cannot be run backwards, or `None` if it can."""
    operation = call.operation
    activation = getattr(operation, "activation", keras.activations.linear)
    if activation not in (None, _RELU, keras.activations.linear):
        name = getattr(activation, "__name__", activation)
        return f"has the activation {name!r}"
    known = (
        _convolution(operation) is not None
        or _is_pooling(operation)
        or is_relu(operation)
        or isinstance(operation, _PASSED)
        or isinstance(
            operation, (keras.layers.Activation, keras.layers.ZeroPadding2D)
        )
        or name_of(operation) in (*_OWN_PASSED, NORMALIZATION)
    )
    return None if known else "is not one of these"


def _windows(
    operation: keras.Operation, shape: Sequence[int], data_format: str
) -> tuple[Window, Window] | None:
    """Returns the windows of a layer for an input shape, if it has any."""
    convolution = _convolution(operation)
    own = structure.data_format(convolution or operation)
    first = (own or data_format) == "channels_first"
    sides = shape[1:] if first else shape[:2]
    ones = (1, 1)
    if isinstance(operation, keras.layers.ZeroPadding2D):
        (top, _), (left, _) = operation.padding
        rows, columns = map(Window, ones, ones, ones, (top, left), sides)
        return rows, columns
    if convolution is not None:
        size, rates = convolution.kernel_size, convolution.dilation_rate
        layer = convolution
    elif _is_pooling(operation):
        size, rates, layer = operation.pool_size, ones, operation
    else:
        return None
    # Layers of this package may have explicit padding in pixels.
    padding = getattr(layer, "pixels", None)
    padding = layer.padding if padding is None else padding
    both = padding if isinstance(padding, tuple) else (padding, padding)
    before = [
        pixels(*each)[0]
        for each in zip(both, sides, size, layer.strides, rates, strict=True)
    ]
    rows, columns = map(Window, size, layer.strides, rates, before, sides)
    return rows, columns
