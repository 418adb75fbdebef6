"""Fingerprints of everything but numbers that compiled code depends on.

A compiler runs Python code once and keeps the result. Two objects with the
same fingerprint lead to the same computation, so it can be reused.
"""

import enum
import functools
import hashlib
import sysconfig
import types
from collections.abc import Hashable, Iterable
from typing import Any

import keras
import numpy as np

from keras_attn import backend
from keras_attn.explain.running import structure

# Beyond these limits, objects are compared by identity.
_DEEPEST, _MOST = 12, 5_000
_SCALARS = (bool, int, str, bytes, complex, enum.Enum, type(None))
# Attributes that matter only for initial weights, training and saving.
_IRRELEVANT = ("_initializer", "_regularizer", "_constraint")
_OF_TENSORFLOW = "_self_"
_OF_TRAINING = frozenset(
    (
        "_compile_config",
        "_compiled_trainable_state",
        "_eval_epoch_iterator",
        "_jax_state",
        "history",
        "optimizer",
        "stop_evaluating",
        "stop_predicting",
        "stop_training",
        "training",
    )
)
_LIBRARIES = tuple(
    sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")
)


class _Same:
    """Compares an object by identity and keeps it alive."""

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def of(value: Any) -> Hashable:
    """Returns the fingerprint of a user's object, such as a target.

    For a function, it covers the code, the defaults, and the variables and
    globals that it reads. For an object it covers the attributes, for an
    array the numbers, and for a layer the attributes and weights. Other
    objects, and those nested too deeply, are compared by identity.
    """
    return _Reader(weights=True).read(value)


def of_model(model: keras.Model) -> Hashable:
    """Returns the fingerprint of a model, without the values of weights."""
    reader = _Reader(weights=False)
    operations = dict.fromkeys(x for _, x in structure.operations(model))
    # Without the model itself, which its compiled code must not keep alive.
    return _Hashed(
        (
            reader.attributes(model),
            *((_Same(each), reader.attributes(each)) for each in operations),
        )
    )


class _Hashed:
    """A large value whose hash is computed once."""

    def __init__(self, value: Hashable):
        self._value = value
        self._hash = hash(value)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _Hashed) and self._value == other._value

    def __hash__(self) -> int:
        return self._hash


class _Reader:
    """Reads one object graph."""

    def __init__(self, weights: bool):
        self._weights = weights
        self._open: list[int] = []
        self._left = _MOST

    def read(self, value: Any) -> Hashable:
        if isinstance(value, _SCALARS):
            return type(value), value
        if isinstance(value, float):
            return float, value.hex()  # Makes NaN equal to itself.
        self._left -= 1
        is_cycle = id(value) in self._open
        if is_cycle or len(self._open) > _DEEPEST or self._left < 0:
            return _Same(value)
        self._open.append(id(value))
        try:
            return self._content(value)
        finally:
            self._open.pop()

    def attributes(self, operation: keras.Operation) -> Hashable:
        """Returns the attributes that a layer's call may depend on."""
        base = _base_attributes(isinstance(operation, keras.Model))
        return tuple(
            (name, self.read(value))
            for name, value in vars(operation).items()
            if name not in base
            and name not in _OF_TRAINING
            and not name.endswith(_IRRELEVANT)
            and not name.startswith(_OF_TENSORFLOW)
        ), self.read(getattr(operation, "dtype_policy", None))

    def _content(self, value: Any) -> Hashable:
        if isinstance(value, np.ndarray) and value.dtype != object:
            digest = hashlib.blake2b(value.tobytes()).digest()
            return np.ndarray, value.shape, value.dtype.str, digest
        if isinstance(value, np.generic):
            return type(value), value.tobytes()
        if isinstance(value, (list, tuple)):
            return type(value), tuple(map(self.read, value))
        if isinstance(value, (set, frozenset)):
            return type(value), frozenset(map(self.read, value))
        if isinstance(value, dict):
            return type(value), self._pairs(value.items())
        if isinstance(value, keras.Variable):
            kept = backend.constant(value) if self._weights else None
            return _Same(value), _Same(kept)
        if isinstance(value, keras.Operation):
            return self._operation(value)
        if isinstance(value, functools.partial):
            parts = value.func, value.args, value.keywords
            return functools.partial, tuple(map(self.read, parts))
        if isinstance(value, types.MethodType):
            return self.read(value.__func__), self.read(value.__self__)
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if _is_plain(value):
            return _Same(type(value)), self._pairs(vars(value).items())
        return _Same(value)

    def _pairs(self, pairs: Iterable[tuple[Any, Any]]) -> Hashable:
        return tuple((self.read(a), self.read(b)) for a, b in pairs)

    def _operation(self, operation: keras.Operation) -> Hashable:
        if not self._weights:
            return _Same(operation)
        found = [operation, *(x for _, x in structure.operations(operation))]
        return tuple(
            (_Same(each), self.attributes(each))
            for each in dict.fromkeys(found)
        )

    def _function(self, function: types.FunctionType) -> Hashable:
        code = function.__code__
        if code.co_filename.startswith(_LIBRARIES):
            return _Same(function)
        cells = []
        for cell in function.__closure__ or ():
            try:
                cells.append(cell.cell_contents)
            except ValueError:  # Not assigned yet.
                cells.append(None)
        known = function.__globals__
        names = sorted(_names(code) & known.keys())
        return (
            code,
            self.read(function.__defaults__),
            self.read(function.__kwdefaults__),
            tuple(map(self.read, cells)),
            tuple((name, self.read(known[name])) for name in names),
        )


def _names(code: types.CodeType) -> set[str]:
    """Returns the names that code and nested code may look up."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names(constant)
    return found


def _is_plain(value: Any) -> bool:
    """Returns whether its attributes define an object completely."""
    if isinstance(value, (type, types.ModuleType)):
        return False
    if type(value).__module__.partition(".")[0] == "keras":
        return False
    in_python = 1 << 9  # Py_TPFLAGS_HEAPTYPE
    return hasattr(value, "__dict__") and all(
        cls.__flags__ & in_python and not vars(cls).get("__slots__")
        for cls in type(value).__mro__[:-1]
    )


@functools.cache
def _base_attributes(is_model: bool) -> frozenset[str]:
    """Returns the attributes that every layer or model has in Keras."""
    empty = keras.Model() if is_model else keras.layers.Layer()
    return frozenset(vars(empty)) | {
        "_nodes",
        "_nodes_by_depth",
        "_operations_by_depth",
    }
