"""Gives the inputs and outputs of an ONNX file their names in the model."""

import pathlib
from collections.abc import Iterator
from typing import Any

import keras


def output_names(model: keras.Model, count: int) -> list[str]:
    """Returns a name for each output, in the order of the flat outputs.

    These are the keys if the outputs are a dict, and otherwise the names of the
    layers that return them, with `_1` for the second output of a layer. For a
    subclass they are `output_0` and so on, as in other formats for all models.
    """
    if isinstance(model, keras.Sequential):
        names = [model.layers[-1].name]
    elif isinstance(getattr(model, "output", None), dict):
        names = sorted(map(str, model.output))
    else:
        names = getattr(model, "output_names", None) or []
    if len(names) != count:
        names = [f"output_{i}" for i in range(count)]
    return names


def name_onnx(
    path: pathlib.Path, inputs: list[str], outputs: list[str]
) -> None:
    """Renames the inputs and outputs of an ONNX file.

    Args:
        path: Path of the file, which is overwritten. Separate files with
            weights do not change.
        inputs: Names in the order of the model's inputs. Inputs keep their
            names if the file already uses these, or if it lacks an input.
        outputs: Names in the order of the model's outputs. A name that is
            already used gets the suffix `_1`, `_2` or the next free one.
    """
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    graph = model.graph
    given = [node.name for node in graph.input]
    if len(given) == len(inputs) and not set(given) <= set(inputs):
        _rename(graph, dict(zip(given, inputs, strict=True)))
    taken = {node.name for node in graph.input}
    taken |= {tensor.name for tensor in graph.initializer}
    new, names = {}, []
    for node, name in zip(graph.output, outputs, strict=True):
        name = _unlike(name, {*taken, *names})
        names.append(name)
        if node.name in taken or node.name in new:
            # An output that is also an input or an earlier output.
            graph.node.append(
                onnx.helper.make_node("Identity", [node.name], [name])
            )
            node.name = name
        else:
            new[node.name] = name
    _rename(graph, new)
    onnx.save(model, str(path))


def _unlike(name: str, others: set[str]) -> str:
    """Returns the name, with a number if it is already used by others."""
    names = (f"{name}_{i}" if i else name for i in range(len(others) + 1))
    return next(each for each in names if each not in others)


def _rename(graph: Any, names: dict[str, str]) -> None:
    """Renames values, and also other values that already have a new name."""
    used = set(_values(graph))
    names = dict(names)
    for name in set(names.values()) & used - set(names):
        names[name] = _unlike(f"{name}_inside", used | set(names.values()))
    for owner, field in _places(graph):
        if field is None:
            owner.name = names.get(owner.name, owner.name)
        else:
            values = getattr(owner, field)
            values[:] = [names.get(value, value) for value in values]


def _values(graph: Any) -> Iterator[str]:
    """Yields the names of all values."""
    for owner, field in _places(graph):
        yield from [owner.name] if field is None else getattr(owner, field)


def _places(graph: Any) -> Iterator[tuple[Any, str | None]]:
    """Yields everything that holds names of values, also in nested graphs."""
    for values in (
        graph.input,
        graph.output,
        graph.value_info,
        graph.initializer,
    ):
        yield from ((value, None) for value in values)
    for node in graph.node:
        yield node, "input"
        yield node, "output"
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _places(inner)
