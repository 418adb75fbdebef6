"""Detects calls inside attention blocks.

Tensors inside a block, such as queries and keys, are not maps of the image
that the rest of the network uses.
"""

import re

import keras

from keras_attn.explain.running import structure
from keras_attn.explain.running.trace import Trace

_ATTENTION = re.compile(r"atte?n|mhsa|(^|_)msa(_|$)", re.IGNORECASE)
_PROJECTIONS = (
    keras.layers.Conv1D,
    keras.layers.Dense,
    keras.layers.EinsumDense,
)


def attentions(trace: Trace) -> tuple[str, ...]:
    """Returns the path prefixes of attention blocks."""
    found = []
    for call in trace.calls:
        inside = f"{call.path}/"
        # A whole network may be named after its attention.
        if len(call.shape) != 2 or isinstance(call.operation, keras.Model):
            continue
        if structure.is_self_attention(call.operation) or (
            _is_named_so(call.operation) and _projects(trace, inside, 1)
        ):
            found.append(inside)
        elif _projects(trace, inside, 2):
            found.append(inside)
    return tuple(found)


def _projects(trace: Trace, inside: str, least: int) -> bool:
    """Returns whether a block projects the same tokens `least` times or more.

    Separate layers for queries, keys and values do so.
    """
    sources = [
        call.sources[0]
        for call in trace.calls
        if call.path.startswith(inside)
        and "/" not in call.path[len(inside) :]
        and isinstance(call.operation, _PROJECTIONS)
        and call.sources
    ]
    known = [x for x in sources if x is not None]
    return bool(known) and max(map(known.count, known)) >= least


def _is_named_so(operation: keras.Operation) -> bool:
    names = operation.name, type(operation).__name__
    return any(_ATTENTION.search(name) for name in names)


def is_inside(trace: Trace, index: int) -> bool:
    """Returns whether a call seems to be part of attention in a flat graph.

    This holds for projections of tokens, and for calls with such a name that
    are not a whole attention layer.
    """
    call = trace.calls[index]
    operation = call.operation
    if len(call.shape) != 2 or structure.is_self_attention(operation):
        return False
    if isinstance(operation, _PROJECTIONS):
        return True
    inside = any(x.path.startswith(f"{call.path}/") for x in trace.calls)
    return not inside and _is_named_so(operation)
