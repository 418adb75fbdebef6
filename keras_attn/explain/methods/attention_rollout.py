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
from keras_attn.ops.interpolation import resize

FUSIONS = {"mean": ops.mean, "max": ops.max, "min": ops.min}
STARTS = ("cls", "mean")


class AttentionRollout:
    """How much each place of an image reaches the end of a transformer.

    In each block, the scores of the heads are fused to one matrix `A`, of
    which row `i` says where token `i` looks; the way past the attention is
    the identity. So `A' = (A + I) / 2`, divided by the sum of each row, is
    what a block mixes, and `R = A'_L ... A'_1` what all of them do. The map is
    the row of the class token, or the mean of all rows, at the tokens of the
    image, divided by its maximum and resized. No class is involved: it shows
    where the network looks, not for what.

    Only a row is ever multiplied, from the last block to the first, which is
    exact and costs a fraction of the product of matrices.

    Reference: Abnar and Zuidema, "Quantifying Attention Flow in Transformers",
        ACL 2020, section 3, [arXiv:2005.00928](https://arxiv.org/abs/2005.00928),
        and for maximum, minimum and discarding a known PyTorch code for
        images, which discards in the first image of a batch only, and divides
        columns where rows should be.

    Args:
        model: A built `keras.Model` with layers of the kind
            `keras_attn.layers.MultiHeadSelfAttention`, or Keras'
            `MultiHeadAttention`, in the order in which they run; or a
            `keras_attn.explain.Network`.
        head_fusion: How the heads become one: `"mean"`, `"max"` or `"min"`.
            Defaults to `"mean"`, as in the paper.
        discard_ratio: Share of the entries of each image's fused matrix, the
            smallest ones, that are set to 0; that of the first token to
            itself stays. In [0, 1). Defaults to `0.0`, as in the paper.
        token_pooling: `"cls"` for the row of the first token, `"mean"` for
            the mean of all rows; `None` for the first if there are more tokens
            than places in the image. Defaults to `None`.

    Call arguments:
        images: What the model takes, as for
            `keras_attn.explain.ClassActivationMap`.
        batch_size: How many images are run at once. Defaults to 32.

    Returns:
        float32 NumPy array `(batch, height, width)` in [0, 1].

    Raises:
        ValueError: If an argument is not one of these, the model has no such
            layers, or their tokens are not the same ones.

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
                "`model` must have layers of self-attention, of keras_attn's "
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
        """Returns the share of each token, `(batch, tokens)`, of sum 1.

        Args:
            images: As for a call.
            batch_size: As for a call.

        Returns:
            float32 NumPy array, of all tokens, also of those without a place.
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
                "All layers of self-attention must have the same tokens. "
                f"Received: shapes {[each.shape for each in calls]}"
            )
        size, data_format = inputs.size, self.network.data_format
        return place_of(trace, indices[-1], size, data_format)

    def _rows(self, inputs: Inputs, place: Place) -> np.ndarray:
        """Returns the rows that are asked for."""
        start = self.token_pooling
        if start is None:
            height, width = place.grid or place.sides
            start = "cls" if place.shape[0] > height * width else "mean"
        layers = self._layers
        key = start, self.head_fusion, self.discard_ratio

        def function(run: taps.Run) -> Any:
            found: dict[str, Any] = {}
            changes = {
                layer: [_keeping(layer, path, found)]
                for layer, path in layers.items()
            }
            run(changes)
            return _rollout(list(found.values()), *key)

        run = taps.hearing(self.network, inputs, ("rollout", *key), function)
        return in_batches(
            len(inputs), inputs.batch_size, lambda i: run(inputs.take(i))
        )


def _rollout(scores: list, start: str, fusion: str, ratio: float) -> Any:
    """Returns the row of the product of all matrices."""
    *others, last = (_fused(each, fusion, ratio) for each in scores)
    row = ops.mean(last, axis=1) if start == "mean" else last[:, 0]
    for matrix in reversed(others):
        row = ops.matmul(row[:, None], matrix)[:, 0]
    return row


def _fused(scores: Any, fusion: str, ratio: float) -> Any:
    """Returns what a block mixes, of scores `(batch, heads, n, n)`."""
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
    """Returns a change by which a layer's scores are kept."""
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
