"""The correlation of FeatureAct, in three exact forms.

All forms compute

    A[q, i, k] = act(sum_p W[q, p] * S[i, p] * T[k, p] / sqrt(positions) + b[q])
    F[k, q]    = sum_i M[i, q] * A[q, i, k]

for source `S`, target `T` and main features `M`, with a mixing matrix `W` of
shape `(positions, positions)` and a bias `b`. Tokens are channels first,
`(batch, dim, positions)`. The forms differ in the size of their intermediate
results per image: `positions * dim^2` in `explicit`, `positions^2` in
`factored`, `positions * dim` in `streamed`. `factored` requires a linear `act`.
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
    """Returns `A`, `(batch, dim, dim, positions)`, the target on axis 2."""
    source = source / source.shape[2] ** 0.5
    pairs = ops.expand_dims(source, 2) * ops.expand_dims(target, 1)
    mixed = ops.matmul(pairs, ops.transpose(mixing)) + bias
    return mixed if activation is None else activation(mixed)


def explicit(
    source: Tensor, target: Tensor, main: Tensor, mixing: Tensor, bias: Tensor
) -> Tensor:
    """Computes `F` and holds the correlations of all pairs of channels.

    On backends that fuse operations, the target channels are computed one by
    one. Together they do not fit into the cache, and JAX takes 1.5 times as
    long.
    """
    if backend.FUSES:
        feature = _feature(source, main, mixing)
        features = [feature(channel) for channel in ops.unstack(target, axis=1)]
        return ops.stack(features, axis=1) + _biased(main, bias)
    source = source / source.shape[2] ** 0.5
    pairs = ops.expand_dims(source, 1) * ops.expand_dims(target, 2)
    # As images of pairs whose channels are the positions, since PyTorch's
    # convolution is faster than its matrix product.
    kernel = ops.expand_dims(ops.transpose(mixing), (0, 1))
    mixed = backend.convolve(
        pairs, kernel, None, (1, 1), "valid", (1, 1), "channels_last"
    )
    features = ops.sum(ops.expand_dims(main, 1) * mixed, axis=2)
    return features + _biased(main, bias)


def factored(
    source: Tensor, target: Tensor, main: Tensor, mixing: Tensor, bias: Tensor
) -> Tensor:
    """Computes `F` as linear attention, masked by the mixing matrix."""
    # scores[p, q]: how much position q takes from position p.
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
    """Computes `F` one target channel at a time, in a loop."""
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
        # One matrix product for all images. A product per image or a
        # convolution over positions takes 1.3 to 2 times as long on PyTorch.
        mixed = ops.matmul(ops.reshape(pairs, (-1, positions)), mixing)
        mixed = ops.reshape(mixed, (-1, dim, positions))
        if activation is not None:
            mixed = activation(mixed)
        return ops.sum(main * mixed, axis=1)

    return feature


def _biased(main: Tensor, bias: Tensor) -> Tensor:
    """Returns the contribution of the bias, the same for all channels."""
    return ops.sum(main, axis=1, keepdims=True) * bias
