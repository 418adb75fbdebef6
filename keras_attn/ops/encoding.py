"""The residual encoding of a set of vectors by learned codewords.

For vectors `x[n]` and codewords `c[k]` with a scale `s[k]` each,

    A[k, n] = softmax_k(s[k] * |x[n] - c[k]|^2)
    E[k]    = sum_n A[k, n] * (x[n] - c[k])

With `|x - c|^2 = |x|^2 - 2 x.c + |c|^2` and the sum over `n` drawn inside,
both are one matrix product: the residuals, `positions * codes * dim` numbers
an image, are never held. Vectors are tokens, `(batch, dim, positions)`.
"""

import numpy as np
from keras import ops

from keras_attn.backend.protocol import Tensor

_LARGEST = float(np.finfo("float32").max)


def assignments(tokens: Tensor, codewords: Tensor, scale: Tensor) -> Tensor:
    """Returns `A`, `(batch, codes, positions)`; over codes it sums to 1.

    Needs float32: the distance is a difference of large numbers. Where
    rounding makes it negative it is 0.
    """
    products = ops.matmul(codewords, tokens)
    # It does not cancel in the softmax: each code has its own scale.
    lengths = ops.sum(ops.square(tokens), axis=1, keepdims=True)
    own_lengths = ops.sum(ops.square(codewords), axis=1, keepdims=True)
    distances = ops.maximum(lengths - 2.0 * products + own_lengths, 0.0)
    logits = ops.expand_dims(scale, 1) * distances
    # XLA would join the product with the difference from the largest, without
    # rounding in between: that is then above 0, and of 1e17 by 1e9.
    return ops.softmax(ops.clip(logits, -_LARGEST, _LARGEST), axis=1)


def encode(tokens: Tensor, codewords: Tensor, scale: Tensor) -> Tensor:
    """Returns `E`, `(batch, codes, dim)`."""
    weights = assignments(tokens, codewords, scale)
    sums = ops.matmul(weights, ops.transpose(tokens, (0, 2, 1)))
    return sums - ops.sum(weights, axis=2, keepdims=True) * codewords
