"""Runs a model with stand-ins of its layers, which nobody else sees.

A stand-in shares everything with its layer, variables too, but has attributes
of its own: what a run changes, and what the run sets by the way, is the
stand-in's. The layer itself is never written to, so another thread may
predict, train, save or explain meanwhile.
"""

import contextvars
import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import keras

Result = TypeVar("Result")

# Does something to a stand-in, by `vars`: Keras and PyTorch watch `setattr`.
Change = Callable[[keras.Operation], None]
Changes = Mapping[keras.Operation, Sequence[Change]]

_run: contextvars.ContextVar["_Run | None"] = contextvars.ContextVar(
    "keras_attn_run", default=None
)
# Whether there is any run at all: PyTorch's compiler cannot ask a ContextVar.
_runs: dict[int, "_Run"] = {}
_lock = threading.Lock()


# Gets a layer, the arguments of a call as they were given, and its outputs.
Watch = Callable[[keras.Operation, tuple, dict, Any], None]


class _Run:
    """The stand-ins of one run."""

    def __init__(self, changes: Changes, watch: Watch | None):
        self._changes = changes
        self._watch = watch
        self._stand_ins: dict[int, keras.Operation] = {}
        # Kept, so that no other object gets their identity.
        self._originals: list[keras.Operation] = []

    def call(
        self,
        original: Callable,
        operation: keras.Operation,
        args: tuple,
        kwargs: dict,
    ) -> Any:
        """Calls the stand-in of a layer, or what is one already."""
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
            # Of an instance, Keras wraps it, and so it would build that one.
            vars(found).pop("build", None)
            # What is computed anew for a gradient cannot be listened to.
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
    """Calls a function in which every layer is run by its stand-in.

    In this thread only, and in nothing that the thread does afterwards.

    Args:
        function: Calls layers.
        changes: What is done to stand-ins before they are first called.
        watch: Told of each call of a layer, after it.
    """
    _install()
    this = _Run(changes, watch)

    def inside() -> Result:
        _run.set(this)
        return function()

    _runs[id(this)] = this
    try:
        # Unlike a token, a copied context cannot be left unrestored.
        return contextvars.copy_context().run(inside)
    finally:
        del _runs[id(this)]


def setting(**attributes: Any) -> Change:
    """Returns a change that sets attributes."""
    return lambda stand_in: vars(stand_in).update(attributes)


def around(function: Callable[..., Any]) -> Change:
    """Returns a change of what runs when the layer is called.

    Args:
        function: Gets what ran before, and the arguments of the call.
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
    """Stands for the method of Keras that makes a call compute twice."""
    return call


def _install() -> None:
    """Lets calls of layers and operations go to their stand-ins, once."""
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
