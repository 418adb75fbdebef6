"""Names of inputs and outputs in an ONNX file: those of the model."""

import pathlib
from collections.abc import Iterator
from typing import Any

import keras


def output_names(model: keras.Model, count: int) -> list[str]:
    """Returns a name for each output, in the order of the flat outputs.

    The keys where outputs are a dict, else those of the layers that they come
    from, the second of one layer with `_1`. A subclass has `output_0` and so
    on, as other formats have for all models.
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
    """Names what goes into an ONNX file and what comes out.

    Args:
        path: Of the file, which is written anew; weights beside it stay.
        inputs: Names in the order of the model's inputs. Those that a file
            has already stay; so do all, where it lacks one.
        outputs: Names in the order of the model's outputs. One that is taken
            gets `_1`, `_2` or the next that is free.
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
            # An input, or an output for the second time.
            graph.node.append(
                onnx.helper.make_node("Identity", [node.name], [name])
            )
            node.name = name
        else:
            new[node.name] = name
    _rename(graph, new)
    onnx.save(model, str(path))


def _unlike(name: str, others: set[str]) -> str:
    """Returns the name, or the first with a number that is not among others."""
    names = (f"{name}_{i}" if i else name for i in range(len(others) + 1))
    return next(each for each in names if each not in others)


def _rename(graph: Any, names: dict[str, str]) -> None:
    """Renames values; another one that has a new name already gets its own."""
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
    """Yields all names of values."""
    for owner, field in _places(graph):
        yield from [owner.name] if field is None else getattr(owner, field)


def _places(graph: Any) -> Iterator[tuple[Any, str | None]]:
    """Yields what holds names of values, in graphs within the graph too."""
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
