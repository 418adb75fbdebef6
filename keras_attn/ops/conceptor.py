"""Conceptors: matrices that softly project onto what vectors have in common.

The conceptor of vectors `x_1 ... x_n`, the columns of `X`, is
`C = R (R + a^-2 I)^-1`, with the correlation `R = X X' / n` and the aperture
`a`. The conceptor "not C" is `I - C`, and "C and B" is
`(C^-1 + B^-1 - I)^-1` (Jaeger, "Controlling Recurrent Neural Networks by
Conceptors", https://arxiv.org/abs/1403.3369).
"""

from keras import ops

from keras_attn.backend.protocol import Tensor


def filter_evidence(
    positive: Tensor, negative: Tensor, aperture: float
) -> Tensor:
    """Returns `(C and not B) X`, summed over the channels.

    `C` is the conceptor of the vectors `X`, and `B` is the conceptor of the
    vectors `Y`. With their correlations `R` and `S`,
    `C^-1 = I + a^-2 R^-1` and `(not B)^-1 = I + a^2 S`. It follows that
    `C and not B = (I + a^2 S + a^-2 R^-1)^-1`, which equals

        X (X'X + a^2 X'S X + n a^-2 I)^-1 X'.

    This form does not invert `R`, and is the limit if `R` has no inverse. Its
    linear system is n by n. If there are fewer channels than vectors, the
    equal form `R (I R + a^2 S R + a^-2 I)^-1` is used, channels by channels.

    Args:
        positive: `X`, `(batch, channels, n)` in float32.
        negative: `Y`, of the same shape.
        aperture: `a`.

    Returns:
        `(batch, n)`.
    """
    channels, n = positive.shape[1:]
    x, y = positive / n**0.5, negative / n**0.5
    if n <= channels:
        gram = ops.matmul(_transposed(x), x)
        both = ops.matmul(_transposed(y), x)
        system = gram + aperture**2 * ops.matmul(_transposed(both), both)
        system = system + aperture**-2 * ops.eye(n)
        total = ops.sum(x, axis=1)[..., None]
        return n**0.5 * ops.matmul(gram, ops.solve(system, total))[..., 0]
    r = ops.matmul(x, _transposed(x))
    s = ops.matmul(y, _transposed(y))
    system = (
        r + aperture**2 * ops.matmul(r, s) + aperture**-2 * ops.eye(channels)
    )
    total = ops.solve(system, ops.sum(r, axis=2, keepdims=True))
    return ops.matmul(_transposed(total), positive)[:, 0]


def _transposed(matrices: Tensor) -> Tensor:
    return ops.transpose(matrices, (0, 2, 1))
