"""The correlation of FeatureAct, in three exact forms.

With tokens held channels first, `(batch, dim, positions)`, and a mixing
matrix `W` of shape `(positions, positions)` with a bias `b`, all compute

    A[q, i, k] = act(sum_p W[q, p] * S[i, p] * T[k, p] / sqrt(positions) + b[q])
    F[k, q]    = sum_i M[i, q] * A[q, i, k]

for source `S`, target `T` and main features `M`. They differ in what they
hold on the way, per image: `explicit` positions * dim^2, `factored`
positions^2, `streamed` positions * dim. `factored` needs `act` to be linear.
"""

from keras import ops

from keras_attn import backend
from keras_attn.backend.protocol import Function, Tensor


def correlation(
    source: Tensor,
    target: Tensor,
    mixing: Tensor,
    bias: Tensor,
    activation: Function | None = None,
) -> Tensor:
    """Returns `A` as `(batch, dim, dim, positions)`; axis 2 is the target's."""
    source = source / source.shape[2] ** 0.5
    pairs = ops.expand_dims(source, 2) * ops.expand_dims(target, 1)
    mixed = ops.matmul(pairs, ops.transpose(mixing)) + bias
    return mixed if activation is None else activation(mixed)


def explicit(
    source: Tensor, target: Tensor, main: Tensor, mixing: Tensor, bias: Tensor
) -> Tensor:
    """Holds the correlation of every pair of channels.

    Where operations are fused, each target channel has its own part of the
    program: all at once leave the cache, and JAX takes 1.5 times as long.
    """
    if backend.FUSES:
        feature = _feature(source, main, mixing)
        features = [feature(channel) for channel in ops.unstack(target, axis=1)]
        return ops.stack(features, axis=1) + _biased(main, bias)
    source = source / source.shape[2] ** 0.5
    pairs = ops.expand_dims(source, 1) * ops.expand_dims(target, 2)
    # As images of pairs, whose channels are the positions: PyTorch's
    # convolution takes less time than its matrix product.
    kernel = ops.expand_dims(ops.transpose(mixing), (0, 1))
    mixed = backend.convolve(
        pairs, kernel, None, (1, 1), "valid", (1, 1), "channels_last"
    )
    features = ops.sum(ops.expand_dims(main, 1) * mixed, axis=2)
    return features + _biased(main, bias)


def factored(
    source: Tensor, target: Tensor, main: Tensor, mixing: Tensor, bias: Tensor
) -> Tensor:
    """Sums over channels first: linear attention, masked by the mixing."""
    # scores[p, q]: what position q takes from position p.
    scores = ops.matmul(ops.transpose(source, (0, 2, 1)), main)
    scores = scores * (ops.transpose(mixing) / source.shape[2] ** 0.5)
    return ops.matmul(target, scores) + _biased(main, bias)


def streamed(
    source: Tensor,
    target: Tensor,
    main: Tensor,
    mixing: Tensor,
    bias: Tensor,
    activation: Function,
) -> Tensor:
    """Takes one target channel at a time, in a loop."""
    feature = _feature(source, main, mixing, lambda x: activation(x + bias))
    features = ops.map(feature, ops.transpose(target, (1, 0, 2)))
    return ops.transpose(features, (1, 0, 2))


def _feature(
    source: Tensor,
    main: Tensor,
    mixing: Tensor,
    activation: Function | None = None,
) -> Function:
    """Returns the function from a target channel to its feature."""
    dim, positions = source.shape[1:]
    source = source / positions**0.5
    mixing = ops.transpose(mixing)

    def feature(channel: Tensor) -> Tensor:
        pairs = source * ops.expand_dims(channel, 1)
        # One matrix product for all images: a product per image, or a
        # convolution over positions, takes 1.3 to 2 times as long on PyTorch.
        mixed = ops.matmul(ops.reshape(pairs, (-1, positions)), mixing)
        mixed = ops.reshape(mixed, (-1, dim, positions))
        if activation is not None:
            mixed = activation(mixed)
        return ops.sum(main * mixed, axis=1)

    return feature


def _biased(main: Tensor, bias: Tensor) -> Tensor:
    """Returns what the bias adds to every target channel."""
    return ops.sum(main, axis=1, keepdims=True) * bias
