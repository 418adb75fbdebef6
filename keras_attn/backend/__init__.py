"""Operations that `keras.ops` lacks, or that are slow on one backend.

Only the files in this folder import TensorFlow, PyTorch or JAX. `protocol.py`
lists the names that every backend module defines.
"""

from keras_attn.backend import choice
from keras_attn.backend.protocol import Backend


def _imported(name: str) -> Backend:
    """Returns the module of a backend, without importing the others."""
    if name == "tensorflow":
        from keras_attn.backend import tensorflow

        return tensorflow
    if name == "torch":
        from keras_attn.backend import torch

        return torch
    from keras_attn.backend import jax

    return jax


_backend = _imported(choice.start())

COMPILES = _backend.COMPILES
FUSES = _backend.FUSES
apart = _backend.apart
attend = _backend.attend
constant = _backend.constant
contiguous = _backend.contiguous
convolve = _backend.convolve
differentiate = _backend.differentiate
gelu = _backend.gelu
inference = _backend.inference
largest = _backend.largest
linear = _backend.linear
max_pool = _backend.max_pool
max_pool_with_indices = _backend.max_pool_with_indices
mean = _backend.mean
no_gradient = _backend.no_gradient
normalize = _backend.normalize
normalize_batch = _backend.normalize_batch
normalize_last = _backend.normalize_last
rectify = _backend.rectify
on_state = _backend.on_state
state = _backend.state
trace = _backend.trace
value_and_gradient = _backend.value_and_gradient
