from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attn import backend
from keras_attn.checks import one_of, share
from keras_attn.explain.methods.attention_maps import keeping_attention
from keras_attn.explain.running import structure, taps
from keras_attn.explain.running.batches import in_batches
from keras_attn.explain.running.feature_maps import Place, place_of
from keras_attn.explain.running.inputs import Inputs
from keras_attn.explain.running.network import Network
from keras_attn.explain.running.stand_ins import Change, around
from keras_attn.explain.running.trace import Trace
from keras_attn.ops.interpolation import resize

FUSIONS = {"mean": ops.mean, "max": ops.max, "min": ops.min}
STARTS = ("cls", "mean", "patches")
# The rows to start from.
Rows = tuple[int, ...]


class AttentionRollout:
    """Attention rollout: how each image patch reaches a transformer's output.

    In each block, the scores of the heads are fused into one matrix `A`, in
    which row `i` shows where token `i` attends. The residual connection adds
    the identity. A block therefore mixes the tokens with
    `A' = (A + I) / 2`, with each row divided by its sum, and all blocks
    together with `R = A'_L ... A'_1`.

    The map is the mean row of the tokens that the classifier uses, at the image
    tokens, divided by its maximum and resized. It does not depend on a class,
    so it shows where the network looks, but not for which class. If the tokens
    are pooled by attention, their rows are weighted by its scores.

    Only one row is multiplied, from the last block to the first. The result
    is exact and costs a fraction of the full matrix product.

    Reference: Abnar and Zuidema, "Quantifying Attention Flow in Transformers",
        ACL 2020, section 3, [arXiv:2005.00928](https://arxiv.org/abs/2005.00928).
        Maximum, minimum and discarding follow a known PyTorch implementation
        for images. Unlike this class, it discards only in the first image of
        a batch, and normalises columns instead of rows.

    Args:
        model: A built `keras.Model`, or a `keras_attn.explain.Network`. It
            must contain `keras_attn.layers.MultiHeadSelfAttention` or Keras'
            `MultiHeadAttention` layers, which are used in the order of their
            calls.
        head_fusion: How the heads are fused: `"mean"`, `"max"` or `"min"`.
            Defaults to `"mean"`, as in the paper.
        discard_ratio: Fraction of the smallest entries of each image's fused
            matrix to set to 0, in [0, 1). The entry from the first token to
            itself is always kept. Defaults to `0.0`, as in the paper.
        token_pooling: `"cls"` for the row of the first token, `"mean"` for
            the mean of all rows, or `"patches"` for the mean of the rows of
            the image tokens. `None` selects the tokens that the model pools if
            it does so with layers, as `keras_attn.applications.ViT` does.
            Otherwise, it selects `"cls"` if there are more tokens than image
            patches, and `"mean"` if not. Defaults to `None`.

    Call arguments:
        images: The model's input, as for
            `keras_attn.explain.ClassActivationMap`.
        batch_size: Number of images that are run at once. Defaults to 32.

    Returns:
        float32 NumPy array `(batch, height, width)` in [0, 1].

    Raises:
        ValueError: If an argument is invalid, the model has no such layers,
            or the layers have different tokens.

    Example:

    >>> model = keras_attn.applications.ViT(
    ...     input_shape=(32, 32, 3),
    ...     patch_size=8,
    ...     hidden_dim=24,
    ...     num_layers=2,
    ...     num_heads=3,
    ...     mlp_dim=48,
    ... )
    >>> rollout = keras_attn.explain.AttentionRollout(model)
    >>> images = np.random.default_rng(0).normal(size=(2, 32, 32, 3))
    >>> rollout(images).shape, rollout.tokens(images).shape
    ((2, 32, 32), (2, 17))
    """

    def __init__(
        self,
        model: keras.Model | Network,
        head_fusion: str = "mean",
        discard_ratio: float = 0.0,
        token_pooling: str | None = None,
    ):
        self.network = Network.of(model)
        self.head_fusion = one_of("head_fusion", head_fusion, FUSIONS)
        self.discard_ratio = share("discard_ratio", discard_ratio)
        self.token_pooling = one_of(
            "token_pooling", token_pooling, (None, *STARTS)
        )
        self._layers = {
            each: path
            for each, path in self.network.paths().items()
            if structure.is_self_attention(each)
        }
        if not self._layers:
            raise ValueError(
                "`model` must have self-attention layers: keras_attn's "
                "MultiHeadSelfAttention or Keras' MultiHeadAttention. "
                f"Received: the model {self.network.model.name!r}, which has "
                "none"
            )

    @backend.apart
    def __call__(self, images: Any, batch_size: int = 32) -> np.ndarray:
        inputs = self.network.check(images, batch_size)
        place = self._place(inputs)
        rows = self._rows(inputs, place)
        height, width = place.grid or place.sides
        maps = rows[:, rows.shape[1] - height * width :]
        maps = maps / np.maximum(maps.max(1, keepdims=True), 1e-30)
        maps = resize(ops.reshape(maps, (-1, height, width)), inputs.size)
        return ops.convert_to_numpy(maps)

    @backend.apart
    def tokens(self, images: Any, batch_size: int = 32) -> np.ndarray:
        """Returns the weight of each token, `(batch, tokens)`, with sum 1.

        Args:
            images: As for a call.
            batch_size: As for a call.

        Returns:
            float32 NumPy array for all tokens, including those without a
            position in the image.
        """
        inputs = self.network.check(images, batch_size)
        return self._rows(inputs, self._place(inputs))

    def _place(self, inputs: Inputs) -> Place:
        """Returns the tokens of the last layer, as a map."""
        trace = self.network.trace(inputs)
        indices = [
            i for i, x in enumerate(trace.calls) if x.operation in self._layers
        ]
        calls = [trace.calls[i] for i in indices]
        shapes = {each.shape[:1] for each in calls}
        if len(shapes) != 1 or len(calls[-1].shape) != 2:
            raise ValueError(
                "All self-attention layers must have the same tokens. "
                f"Received: shapes {[each.shape for each in calls]}"
            )
        size, data_format = inputs.size, self.network.data_format
        return place_of(trace, indices[-1], size, data_format)

    def _rows(self, inputs: Inputs, place: Place) -> np.ndarray:
        """Returns each image's row of the rollout, or the mean of rows."""
        height, width = place.grid or place.sides
        count, patches = place.shape[0], height * width
        trace = self.network.trace(inputs)
        start = self.token_pooling
        if start is None:
            default = "cls" if count > patches else "mean"
            start = _read(trace, place, count) or default
        if isinstance(start, str):
            start = _rows_of(start, count, patches)
        layers = dict(self._layers)
        if self.token_pooling is None:
            layers |= _poolings(self.network)
        settings = start, self.head_fusion, self.discard_ratio

        def function(run: taps.Run) -> Any:
            found: dict[str, Any] = {}
            changes = {
                layer: [_keeping(layer, path, found)]
                for layer, path in layers.items()
            }
            run(changes)
            return _rollout(list(found.values()), *settings)

        key = "rollout", *settings, len(layers)
        run = taps.hearing(self.network, inputs, key, function)
        return in_batches(
            len(inputs), inputs.batch_size, lambda i: run(inputs.take(i))
        )


def _rows_of(start: str, count: int, patches: int) -> Rows:
    """Returns the rows of a kind of pooling."""
    first = count - patches if start == "patches" else 0
    return tuple(range(first, 1 if start == "cls" else count))


def _read(trace: Trace, place: Place, count: int) -> Rows:
    """Returns the tokens that layers take after the last self-attention."""
    calls = [x.operation for x in trace.calls]
    last = len(calls) - 1 - calls[::-1].index(place.operation)
    rows: set[int] = set()
    for call in trace.calls[last + 1 :]:
        if not call.given or len(call.given[0]) != 2:
            continue
        if call.given[0][0] == count:
            layer = call.operation
            if isinstance(layer, keras.layers.Cropping1D):
                before, after = layer.cropping
                rows |= set(range(before, count - after))
            elif isinstance(
                layer, keras.layers.GlobalAveragePooling1D
            ) or structure.is_attention_pooling(layer):
                rows |= set(range(count))
    return tuple(sorted(rows))


def _poolings(network: Network) -> dict[Any, str]:
    """Returns the layers that pool tokens by attention, with their paths."""
    return {
        each: path
        for each, path in network.paths().items()
        if structure.is_attention_pooling(each)
    }


def _rollout(scores: list, start: Rows, fusion: str, ratio: float) -> Any:
    """Returns the mean of rows of the product of all matrices."""
    weights = None
    if len(scores[-1].shape) == 3:
        *scores, weights = scores
    *others, last = (_fused(each, fusion, ratio) for each in scores)
    rows = ops.take(last, np.asarray(start), axis=1)
    if weights is None:
        row = ops.mean(rows, axis=1)
    else:
        weights = FUSIONS[fusion](weights, axis=1)
        weights = weights / ops.sum(weights, axis=-1, keepdims=True)
        row = ops.matmul(weights[:, None], rows)[:, 0]
    for matrix in reversed(others):
        row = ops.matmul(row[:, None], matrix)[:, 0]
    return row


def _fused(scores: Any, fusion: str, ratio: float) -> Any:
    """Returns the mixing matrix for scores `(batch, heads, n, n)`."""
    matrix = FUSIONS[fusion](scores, axis=1)
    count = matrix.shape[-1]
    discarded = int(count * count * ratio)
    if discarded:
        flat = ops.reshape(matrix, (-1, count * count))
        least = ops.sort(flat, axis=1)[:, discarded, None]
        kept = ops.logical_or(flat >= least, ops.arange(count * count) == 0)
        flat = ops.where(kept, flat, 0.0)
        matrix = ops.reshape(flat, (-1, count, count))
    matrix = matrix + ops.eye(count)
    return matrix / ops.sum(matrix, axis=-1, keepdims=True)


def _keeping(layer: Any, path: str, found: dict[str, Any]) -> Change:
    """Returns a change that records a layer's scores in `found`."""
    if not isinstance(layer, keras.layers.MultiHeadAttention):
        return keeping_attention(layer, path, found)

    def called(
        call: Callable,
        *args: Any,
        return_attention_scores: bool = False,
        **named: Any,
    ) -> Any:
        outputs, scores = call(*args, return_attention_scores=True, **named)
        found[f"{path}#{len(found)}"] = ops.cast(scores, "float32")
        return (outputs, scores) if return_attention_scores else outputs

    return around(called)
