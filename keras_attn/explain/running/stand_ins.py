"""Runs a model with private stand-ins for its layers.

A stand-in is a shallow copy of its layer. It shares the variables, but has
its own attributes, so changes made for or during a run affect only the
stand-in. The layer is never written to, and other threads may predict, train,
save or explain at the same time.
"""

import contextvars
import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import keras

Result = TypeVar("Result")

# Modifies a stand-in through `vars`: Keras and PyTorch intercept `setattr`.
Change = Callable[[keras.Operation], None]
Changes = Mapping[keras.Operation, Sequence[Change]]

_run: contextvars.ContextVar["_Run | None"] = contextvars.ContextVar(
    "keras_attn_run", default=None
)
# Runs in progress: PyTorch's compiler cannot read a ContextVar.
_runs: dict[int, "_Run"] = {}
_lock = threading.Lock()


# Called with a layer, the arguments of its call, and its outputs.
Watch = Callable[[keras.Operation, tuple, dict, Any], None]


class _Run:
    """The stand-ins of one run."""

    def __init__(self, changes: Changes, watch: Watch | None):
        self._changes = changes
        self._watch = watch
        self._stand_ins: dict[int, keras.Operation] = {}
        # Kept alive, so that no other object reuses their ids.
        self._originals: list[keras.Operation] = []

    def call(
        self,
        original: Callable,
        operation: keras.Operation,
        args: tuple,
        kwargs: dict,
    ) -> Any:
        """Calls the stand-in of a layer, or a stand-in itself."""
        stand_in = self._stand_in(operation)
        outputs = original(stand_in, *args, **kwargs)
        if self._watch is not None and stand_in is not operation:
            self._watch(operation, args, kwargs, outputs)
        return outputs

    def _stand_in(self, operation: keras.Operation) -> keras.Operation:
        found = self._stand_ins.get(id(operation))
        if found is None:
            found = object.__new__(type(operation))
            vars(found).update(vars(operation))
            # Keras' wrapper of `build` is bound to the original layer.
            vars(found).pop("build", None)
            # A call that is recomputed for a gradient cannot be recorded.
            vars(found)["rematerialized_call"] = _at_once
            for change in self._changes.get(operation, ()):
                change(found)
            self._stand_ins[id(operation)] = found
            self._stand_ins[id(found)] = found
            self._originals.append(operation)
        return found


def run(
    function: Callable[[], Result],
    changes: Changes,
    watch: Watch | None = None,
) -> Result:
    """Calls a function in which stand-ins run instead of layers.

    This affects only the current thread, and only during this call.

    Args:
        function: Function that calls layers.
        changes: Changes to stand-ins before their first call.
        watch: Function that is called after each call of a layer.
    """
    _install()
    this = _Run(changes, watch)

    def inside() -> Result:
        _run.set(this)
        return function()

    _runs[id(this)] = this
    try:
        # Unlike a token, a copied context needs no reset.
        return contextvars.copy_context().run(inside)
    finally:
        del _runs[id(this)]


def setting(**attributes: Any) -> Change:
    """Returns a change that sets attributes."""
    return lambda stand_in: vars(stand_in).update(attributes)


def around(function: Callable[..., Any]) -> Change:
    """Returns a change that wraps the call of a layer.

    Args:
        function: Called with the wrapped function and the call's arguments.
    """

    def change(stand_in: keras.Operation) -> None:
        quantized = getattr(stand_in, "quantization_mode", None) is not None
        name = "quantized_call" if quantized else "call"
        call = getattr(stand_in, name)

        @functools.wraps(call)
        def called(*args: Any, **kwargs: Any) -> Any:
            return function(call, *args, **kwargs)

        vars(stand_in)[name] = called

    return change


def _at_once(call: Callable, *args: Any, **kwargs: Any) -> Callable:
    """Replaces Keras' method that makes a call recompute for gradients."""
    return call


def _install() -> None:
    """Redirects calls of layers and operations to stand-ins, once."""
    with _lock:
        for cls in (keras.layers.Layer, keras.Operation):
            if not hasattr(cls.__call__, "asks_for_stand_ins"):
                cls.__call__ = _asking(cls.__call__)


def _asking(original: Callable) -> Callable:
    @functools.wraps(original)
    def __call__(self: keras.Operation, *args: Any, **kwargs: Any) -> Any:
        if not _runs:
            return original(self, *args, **kwargs)
        current = _run.get()
        if current is None:
            return original(self, *args, **kwargs)
        return current.call(original, self, args, kwargs)

    vars(__call__)["asks_for_stand_ins"] = True
    return __call__
