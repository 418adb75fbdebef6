"""What happens in a model while it runs, seen once on shapes."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras

from keras_attn import backend
from keras_attn.explain import taps
from keras_attn.explain.inputs import Inputs

# What changes the shape of scores, or nothing.
_TRANSPARENT = (
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.Identity,
    keras.layers.Permute,
    keras.layers.Reshape,
)
# In the place of a call: what the model was given.
MODEL = -1
_ACTIVATIONS = (
    keras.activations.log_softmax,
    keras.activations.sigmoid,
    keras.activations.softmax,
)


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of a layer.

    Attributes:
        path: Of the layer.
        operation: The layer.
        number: How many calls of it came before.
        shape: Of its first output, without the batch.
        dtype: Of that.
        sources: Of each tensor that it was given, which of all calls made
            it; `MODEL` if the model was given it, `None` if neither.
    """

    path: str
    operation: keras.Operation
    number: int
    shape: tuple[int, ...]
    dtype: str
    sources: tuple[int | None, ...] = ()


@dataclasses.dataclass(frozen=True)
class Final:
    """What makes probabilities of scores.

    Attributes:
        operation: The layer.
        attributes: Those that keep it from doing so.
        elementwise: Whether it takes each score alone, as a sigmoid.
        logarithmic: Whether it makes logarithms of probabilities.
    """

    operation: keras.Operation
    attributes: Mapping[str, Any]
    elementwise: bool
    logarithmic: bool


@dataclasses.dataclass(frozen=True)
class Trace:
    """One run.

    Attributes:
        calls: In the order in which they ended.
        shape: Of the output that is explained, without the batch, classes
            last; `None` if there are several.
        final: What makes probabilities at the end; `None` if none was found.
    """

    calls: list[Call]
    shape: tuple[int, ...] | None
    final: Final | None

    @property
    def classes(self) -> int | None:
        """How many classes there are."""
        return None if self.shape is None else self.shape[-1]


def record(network: Any, inputs: Inputs) -> Trace:
    """Runs a `Network` on one image and writes down what it does."""
    found: list[Trace] = []

    def function(values, leaves):
        seen: list[tuple[Call, list, Any]] = []
        attributes = {
            each: taps.listening(each, _recorder(path, each, seen))
            for each, path in network.paths.items()
        }
        nest = inputs.pack(leaves)
        output = network.select(network.run(values, nest, attributes))
        single = len(keras.tree.flatten(output)) == 1
        found.append(
            Trace(
                _linked(seen, leaves),
                network.shape_of(output) if single else None,
                _final(output, seen) if single else None,
            )
        )
        return output

    values = backend.state(network.model.variables)
    backend.trace(function, values, inputs.tensors())
    return found[-1]


def _recorder(path: str, operation: keras.Operation, seen: list) -> taps.After:
    def after(number, inputs, named, outputs):
        leaves = keras.tree.flatten(outputs)
        if leaves and hasattr(leaves[0], "shape"):
            tensor = leaves[0]
            dtype = keras.backend.standardize_dtype(tensor.dtype)
            shape = tuple(tensor.shape[1:])
            call = Call(path, operation, number, shape, dtype)
            given = [
                each
                for each in keras.tree.flatten([inputs, named])
                if hasattr(each, "shape")
            ]
            seen.append((call, given, tensor))
        return outputs

    return after


def _linked(seen: list, leaves: list) -> list[Call]:
    """Returns the calls, each with where its tensors come from."""
    makers = {id(leaf): (MODEL, leaf) for leaf in leaves}
    for i, (_, _, tensor) in enumerate(seen):
        # Of nested layers the innermost, which ended first.
        makers.setdefault(id(tensor), (i, tensor))
    calls = []
    for call, given, _ in seen:
        sources = []
        for each in given:
            source, _ = makers.get(id(each), (None, None))
            # Keras has cast what a model of another precision was given.
            if source is None and any(_is_cast(each, x) for x in leaves):
                source = MODEL
            sources.append(source)
        calls.append(dataclasses.replace(call, sources=tuple(sources)))
    return calls


def _is_cast(tensor: Any, leaf: Any) -> bool:
    return tuple(tensor.shape) == tuple(leaf.shape) and (
        tensor.dtype != leaf.dtype
    )


def _final(output: Any, seen: list) -> Final | None:
    """Looks for what made the output, through what only reshapes it."""
    tensor, end = output, len(seen)
    while True:
        # The innermost of nested layers ended first.
        made = [i for i in range(end) if seen[i][2] is tensor]
        if not made:
            return None
        end = made[0]
        call, given, _ = seen[end]
        tensor = given[0] if given else None
        operation = call.operation
        activation = getattr(operation, "activation", None)
        if activation in _ACTIVATIONS:
            return Final(
                operation,
                {"activation": keras.activations.linear},
                activation is keras.activations.sigmoid,
                activation is keras.activations.log_softmax,
            )
        name = type(operation).__name__
        if isinstance(operation, keras.layers.Softmax) or (
            not isinstance(operation, keras.layers.Layer)
            and name in ("LogSoftmax", "Sigmoid", "Softmax")
        ):
            return Final(
                operation,
                {"call": lambda x, *args, **kwargs: x},
                name == "Sigmoid",
                name == "LogSoftmax",
            )
        linear = isinstance(operation, keras.layers.Activation) and (
            activation is keras.activations.linear
        )
        if not linear and not isinstance(operation, _TRANSPARENT):
            return None
