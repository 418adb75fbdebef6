"""Scores of attention between tokens."""

from keras import ops

from keras_attn.backend.protocol import Tensor


def scores(
    query: Tensor, key: Tensor, mask: Tensor | None, scale: float
) -> Tensor:
    """Returns `softmax(scale q k^T)` in float32, `(batch, heads, n, n)`.

    Queries and keys are `(batch, tokens, heads, d)`. Scores are 0 where the
    mask is false.
    """
    # Scaled before the product, and in float32, to avoid overflow.
    query = ops.cast(query, "float32") * scale
    logits = ops.einsum("bqhd,bkhd->bhqk", query, ops.cast(key, "float32"))
    if mask is not None:
        logits = ops.where(mask, logits, -1e30)
    return ops.softmax(logits, axis=-1)
