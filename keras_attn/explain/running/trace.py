"""Traces the layer calls of a model and how they are connected."""

import collections
import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras

from keras_attn import backend
from keras_attn.explain.running import taps
from keras_attn.explain.running.final import Final, find_final
from keras_attn.explain.running.inputs import Inputs


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of a layer.

    Attributes:
        path: Path of the layer.
        operation: The layer.
        number: Number of earlier calls of the layer.
        shape: Shape of the first output, without the batch.
        dtype: Dtype of the first output.
        given: Shapes of the input tensors, without the batch.
        sources: For each input tensor, the index of the call that made it,
            `-1 - i` for the input `i` of the model, or `None` if unknown.
    """

    path: str
    operation: keras.Operation
    number: int
    shape: tuple[int, ...]
    dtype: str
    given: tuple[tuple[int, ...], ...] = ()
    sources: tuple[int | None, ...] = ()


@dataclasses.dataclass(frozen=True)
class Trace:
    """The calls of one run of a model.

    Attributes:
        calls: The calls in the order in which they ended.
        shape: Shape of the output to explain, without the batch, classes
            last; `None` if there are several outputs.
        final: The layer that computes probabilities, `None` if not found.
        is_known: Whether it is known how the output was made: by `final`, or
            by a layer that does not output probabilities.
        origins: Indices of the calls on which the output depends. `None` if
            they are unknown because other code runs between the layers.
        depends: Function that runs the model to find out whether the output
            of a call depends on the images.
    """

    calls: list[Call]
    shape: tuple[int, ...] | None
    final: Final | None
    is_known: bool
    origins: frozenset[int] | None
    depends: Callable[[Call], bool]

    @property
    def two_sided(self) -> bool:
        """Whether a single sigmoid unit decides between two classes."""
        single = self.shape is not None and self.shape[-1] == 1
        return single and self.final is not None and self.final.elementwise

    @property
    def classes(self) -> int | None:
        """Number of classes, or `None` for several outputs."""
        if self.shape is None:
            return None
        return 2 if self.two_sided else self.shape[-1]

    @functools.cached_property
    def inputs_of(self) -> list[frozenset[int] | None]:
        """The model inputs that each call depends on, `None` if unknown."""
        found: list[frozenset[int] | None] = []
        for call in self.calls:
            parts = [
                None
                if source is None
                else (frozenset([-1 - source]) if source < 0 else found[source])
                for source in call.sources
            ]
            known = [part for part in parts if part is not None]
            whole = len(known) == len(parts)
            found.append(frozenset().union(*known) if whole else None)
        return found


def record(network: Any, inputs: Inputs) -> Trace:
    """Traces a `Network` on one image."""
    found: list[Trace] = []
    paths = network.paths()

    def function(values: list[Any], leaves: list[Any]) -> Any:
        seen: list[_Seen] = []
        numbers: collections.Counter = collections.Counter()

        def watch(
            operation: keras.Operation, args: tuple, named: dict, outputs: Any
        ) -> None:
            made = _tensors(outputs)
            if operation in paths and made:
                call = Call(
                    paths[operation],
                    operation,
                    numbers[operation],
                    tuple(made[0].shape[1:]),
                    keras.backend.standardize_dtype(made[0].dtype),
                )
                seen.append(_Seen(call, _tensors([args, named]), made))
            numbers[operation] += 1

        nest = inputs.pack(leaves)
        whole = network.run(values, nest, {}, watch)
        output = network.select(whole)
        single = len(keras.tree.flatten(output)) == 1
        makers = _makers(seen, leaves)
        calls = [_linked(each, makers, leaves) for each in seen]
        ends = [makers.get(id(x), (None,))[0] for x in _tensors(output)]
        final, is_known = find_final(output, seen) if single else (None, True)
        found.append(
            Trace(
                calls,
                network.shape_of(output) if single else None,
                final,
                is_known,
                _origins(calls, ends),
                functools.partial(_depends, network.weak(), inputs),
            )
        )
        return output

    values = backend.state(network.model.variables)
    backend.trace(function, values, inputs.tensors())
    return found[-1]


@dataclasses.dataclass(frozen=True)
class _Seen:
    """A call with its tensors, which exist only during the run."""

    call: Call
    given: list[Any]
    made: list[Any]


def _depends(network: Any, inputs: Inputs, call: Call) -> bool:
    """Returns whether a call's output differs between two images."""

    def function(values: list[Any], leaves: list[Any]) -> Any:
        found: list[Any] = []
        changes = {call.operation: [taps.keeping(call.number, found)]}
        network.run(values, inputs.pack(leaves), changes)
        return found[0]

    run, values = backend.inference(function), network.values()
    others = [
        0.5 - array if array.ndim == 4 else array for array in inputs.arrays
    ]
    first, second = (
        keras.ops.convert_to_numpy(run(values, each.tensors()))
        for each in (inputs, dataclasses.replace(inputs, arrays=others))
    )
    return bool((first != second).any())


def _tensors(nest: Any) -> list[Any]:
    return [x for x in keras.tree.flatten(nest) if hasattr(x, "shape")]


def _makers(seen: list[_Seen], leaves: list) -> dict[int, tuple[int, Any]]:
    """Maps the id of each tensor to the call that made it, and the tensor."""
    makers = {id(leaf): (-1 - i, leaf) for i, leaf in enumerate(leaves)}
    for i, each in enumerate(seen):
        for tensor in each.made:
            # The innermost of nested layers ended first and counts.
            makers.setdefault(id(tensor), (i, tensor))
    return makers


def _linked(each: _Seen, makers: dict, leaves: list) -> Call:
    """Returns the call with the sources of its input tensors."""
    sources = []
    for tensor in each.given:
        source, _ = makers.get(id(tensor), (None, None))
        if source is None:
            # A subclassed model of another precision casts its inputs.
            casts = [
                i
                for i, leaf in enumerate(leaves)
                if tuple(tensor.shape) == tuple(leaf.shape)
                and tensor.dtype != leaf.dtype
            ]
            source = -1 - casts[0] if len(casts) == 1 else None
        sources.append(source)
    shapes = tuple(tuple(tensor.shape[1:]) for tensor in each.given)
    return dataclasses.replace(each.call, given=shapes, sources=tuple(sources))


def _origins(
    calls: list[Call], ends: list[int | None]
) -> frozenset[int] | None:
    """Returns the calls on which some tensors depend.

    Returns `None` if a tensor in between was not made by a layer. Calls inside
    a layer belong to it, whether or not their tensors can be followed.
    """
    found: set[int] = set()
    todo = list(ends)
    while todo:
        index = todo.pop()
        if index is None:
            return None
        if index >= 0 and index not in found:
            found.add(index)
            todo += calls[index].sources
    inside = tuple(f"{calls[i].path}/" for i in found)
    return frozenset(found) | {
        i for i, call in enumerate(calls) if call.path.startswith(inside)
    }
