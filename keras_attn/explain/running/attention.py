"""Which calls lie inside of an attention block.

What is in there, such as queries and keys, is no map of the image that the
rest of the network would read.
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
    """Returns beginnings of paths that lie inside of an attention block."""
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
    """Whether a block makes several projections of the same tokens.

    As of queries, keys and values, of which each is a layer of its own.
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
    """Whether a call seems to be a part of an attention in a flat graph.

    A projection of tokens is, or what bears such a name, but for attention
    as a whole.
    """
    call = trace.calls[index]
    operation = call.operation
    if len(call.shape) != 2 or structure.is_self_attention(operation):
        return False
    if isinstance(operation, _PROJECTIONS):
        return True
    inside = any(x.path.startswith(f"{call.path}/") for x in trace.calls)
    return not inside and _is_named_so(operation)
