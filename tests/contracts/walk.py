"""Finds the objects that can be reached from a layer."""

import types

import keras
import numpy as np
from keras import ops

# Keras' record of the graph, which may hold symbolic tensors.
_GRAPH = {"_inbound_nodes", "_outbound_nodes"}
_PLAIN = (str, bytes, int, float, complex, bool, type(None), np.ndarray, type)
_CODE = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType)


def layers_of(subject):
    """Returns a layer or model and all layers inside it."""
    return [x for x, _ in _reachable(subject) if _is_layer(x)]


def trainings(subject):
    """Returns the values of `training` that can matter.

    They matter with statistics or the state of a generator. A layer without
    these only passes the argument on.
    """
    return (False, True) if subject.non_trainable_variables else (False,)


def tensors_of(subject):
    """Returns where tensors are kept that are not values of variables."""
    known = {id(variable.value) for variable in subject.variables}
    return [
        where
        for value, where in _reachable(subject)
        if _is_tensor(value) and id(value) not in known
    ]


def _is_tensor(value):
    # TensorFlow's `is_tensor` treats Keras variables as tensors.
    if isinstance(value, keras.Variable):
        return False
    return ops.is_tensor(value) or keras.utils.is_keras_tensor(value)


def _is_layer(value):
    return isinstance(value, keras.layers.Layer)


def _reachable(start):
    """Yields each object once, with the place where it was found."""
    seen = set()
    todo = [(start, start.name)]
    while todo:
        value, where = todo.pop()
        if id(value) in seen or isinstance(value, _PLAIN + _CODE):
            continue
        seen.add(id(value))
        yield value, where
        todo.extend(_inside(value, where))


def _inside(value, where):
    if isinstance(value, keras.Variable) or _is_tensor(value):
        return []
    if isinstance(value, keras.layers.InputLayer):
        return []
    if isinstance(value, keras.Model):
        return [(layer, f"{where}/{layer.name}") for layer in value.layers]
    if isinstance(value, dict):
        return [(v, f"{where}[{k!r}]") for k, v in list(value.items())]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [(v, f"{where}[{i}]") for i, v in enumerate(value)]
    of_keras = type(value).__module__.split(".")[0] in ("keras", "torch")
    if of_keras and not _is_layer(value):
        return []
    attributes = getattr(value, "__dict__", {})
    return [
        (v, f"{where}.{k}") for k, v in attributes.items() if k not in _GRAPH
    ]
