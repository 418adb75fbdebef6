"""A cache of compiled functions that lives as long as their models."""

import collections
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import keras

# Maximum number of entries over all models. On JAX, one may take megabytes.
LIMIT = 100

_entries: collections.OrderedDict[tuple, Any] = collections.OrderedDict()
# The garbage collector may call `_forget` while an entry is being added.
_lock = threading.RLock()


def remembered(
    model: keras.Model, key: Hashable, make: Callable[[], Any]
) -> Any:
    """Returns the cached value for a model and a key, or makes it.

    The value must not reference the model, or neither would ever be freed. It
    is dropped with the model, or after `LIMIT` other entries have been used.
    """
    whole = weakref.ref(model, _forget), key
    with _lock:
        if whole in _entries:
            _entries.move_to_end(whole)
            return _entries[whole]
    # Outside the lock: if two threads both make it, only time is lost.
    made = make()
    with _lock:
        made = _entries.setdefault(whole, made)
        _entries.move_to_end(whole)
        while len(_entries) > LIMIT:
            _entries.popitem(last=False)
    return made


def _forget(model: weakref.ref) -> None:
    with _lock:
        for key in [each for each in _entries if each[0] is model]:
            del _entries[key]
