"""What has been compiled for models, as long as these live."""

import collections
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import keras

# How many entries there are at most, over all models: on JAX, one may take
# megabytes.
LIMIT = 100

_entries: collections.OrderedDict[tuple, Any] = collections.OrderedDict()
# The garbage collector may call `_forget` while an entry is being added.
_lock = threading.RLock()


def remembered(
    model: keras.Model, key: Hashable, make: Callable[[], Any]
) -> Any:
    """Returns what was made for a model and a key, or makes it.

    What is made may not hold the model, or neither would ever be freed. It is
    forgotten with the model, or after `LIMIT` others have been used.
    """
    whole = weakref.ref(model, _forget), key
    with _lock:
        if whole in _entries:
            _entries.move_to_end(whole)
            return _entries[whole]
    # Not under the lock: two threads may both make it, which costs time only.
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
