"""The residual encoding of a set of vectors with learned codewords.

Vectors `x[n]` and codewords `c[k]`, each with a scale `s[k]`, yield

    A[k, n] = softmax_k(s[k] * |x[n] - c[k]|^2)
    E[k]    = sum_n A[k, n] * (x[n] - c[k])

With `|x - c|^2 = |x|^2 - 2 x.c + |c|^2`, and with the sum over `n` split into
two, each is one matrix product. The residuals, `positions * codes * dim`
numbers per image, are never stored. Vectors are tokens,
`(batch, dim, positions)`.
"""

import numpy as np
from keras import ops

from keras_attn.backend.protocol import Tensor

_LARGEST = float(np.finfo("float32").max)


def assignments(tokens: Tensor, codewords: Tensor, scale: Tensor) -> Tensor:
    """Returns `A`, `(batch, codes, positions)`, which sums to 1 over codes.

    Requires float32, since the distance is a difference of large numbers. If
    rounding makes it negative, it is set to 0.
    """
    products = ops.matmul(codewords, tokens)
    # This term does not cancel in the softmax: each code has its own scale.
    lengths = ops.sum(ops.square(tokens), axis=1, keepdims=True)
    own_lengths = ops.sum(ops.square(codewords), axis=1, keepdims=True)
    distances = ops.maximum(lengths - 2.0 * products + own_lengths, 0.0)
    logits = ops.expand_dims(scale, 1) * distances
    # Otherwise, XLA fuses the product with the softmax's subtraction of the
    # maximum, without rounding in between. The difference can then be positive
    # (1e9 for a logit of 1e17).
    return ops.softmax(ops.clip(logits, -_LARGEST, _LARGEST), axis=1)


def encode(tokens: Tensor, codewords: Tensor, scale: Tensor) -> Tensor:
    """Returns `E`, `(batch, codes, dim)`."""
    weights = assignments(tokens, codewords, scale)
    sums = ops.matmul(weights, ops.transpose(tokens, (0, 2, 1)))
    return sums - ops.sum(weights, axis=2, keepdims=True) * codewords
