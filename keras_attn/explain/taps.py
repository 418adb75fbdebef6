"""Listens to the layers of a model while it runs, and leaves no trace."""

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import keras

# What is done with the outputs of a layer: gets the number of the call, its
# arguments by place and by name, and its outputs; returns the outputs to go on
# with.
After = Callable[[int, tuple, dict, Any], Any]


@contextlib.contextmanager
def borrowed(
    operations: Iterable[keras.Operation],
    attributes: Mapping[keras.Operation, Mapping[str, Any]],
) -> Iterator[None]:
    """Sets attributes of instances, and in the end puts all back.

    That is, everything that the given operations hold by name, so that what
    was set by the way, by Keras or by somebody's `call`, is gone too.
    """
    # Not by `setattr`, which Keras and PyTorch watch.
    before = [(vars(each), dict(vars(each))) for each in operations]
    try:
        for operation, values in attributes.items():
            vars(operation).update(values)
        yield
    finally:
        for now, then in before:
            for name in now.keys() - then.keys():
                del now[name]
            for name, value in then.items():
                if name not in now or now[name] is not value:
                    now[name] = value


def listening(operation: keras.Operation, after: After) -> dict[str, Any]:
    """Returns attributes with which an operation is listened to."""
    quantized = getattr(operation, "quantization_mode", None) is not None
    name = "quantized_call" if quantized else "call"
    call, count = getattr(operation, name), itertools.count()

    @functools.wraps(call)
    def listened(*args, **kwargs):
        return after(next(count), args, kwargs, call(*args, **kwargs))

    return {name: listened}


def keeping(
    operation: keras.Operation, number: int, found: list[Any]
) -> dict[str, Any]:
    """Returns attributes by which the first output of a call is kept.

    In float32, and not itself: what follows may overwrite it.
    """

    def keep(count: int, args: tuple, named: dict, outputs: Any) -> Any:
        if count == number:
            tensor = first_tensor(outputs)
            found.append(keras.ops.cast(tensor, "float32") + 0.0)
        return outputs

    return listening(operation, keep)


def first_tensor(outputs: Any) -> Any:
    """Returns what counts as the output of a layer that has several."""
    return keras.tree.flatten(outputs)[0]


def with_first(outputs: Any, tensor: Any) -> Any:
    """Returns the outputs with another first tensor."""
    rest = keras.tree.flatten(outputs)[1:]
    return keras.tree.pack_sequence_as(outputs, [tensor, *rest])
