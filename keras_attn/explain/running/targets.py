"""Targets of explanations: one score per image, from the model's output."""

import dataclasses
import functools
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_attn.explain.running import fingerprint
from keras_attn.explain.running.inputs import Indices

# From the output (classes last) and arrays with one row per image, to the
# scores `(batch,)` and their classes.
ScoreFunction = Callable[..., tuple[Any, Any]]


class MaskedMean:
    """Score of a segmentation model: the mean of a class over a region.

    `y = sum_ij m_ij s_ij^c / sum_ij m_ij`, with the scores `s^c` of class `c`
    before softmax or sigmoid, and the mask `m`. Pass it as `targets`. A class
    index alone means the average over the whole output.

    Reference: SEG-GRAD-CAM, Vinogradova et al., AAAI 2020,
        [arXiv:2002.11434](https://arxiv.org/abs/2002.11434), which uses the
        sum instead of the mean.

    Args:
        class_index: Integer, or one integer per image.
        mask: Booleans or non-negative weights, `(height, width)` or
            `(batch, height, width)`, of the size of the model's output. At
            least one weight of each mask must be positive.

    Raises:
        ValueError: If the mask has the wrong number of axes, is 0 everywhere
            or has negative weights.

    Example:

    >>> inputs = keras.Input((16, 16, 3))
    >>> x = keras.layers.Conv2D(8, 3, padding="same", name="features")(inputs)
    >>> outputs = keras.layers.Conv2D(2, 1, activation="softmax")(x)
    >>> model = keras.Model(inputs, outputs)
    >>> mask = np.zeros((16, 16), "bool")
    >>> mask[4:8, 4:8] = True
    >>> cam = keras_attn.explain.HiResCAM(model, "features")
    >>> images = np.random.default_rng(0).random((2, 16, 16, 3))
    >>> maps = cam(images, keras_attn.explain.MaskedMean(1, mask))
    >>> maps.shape
    (2, 16, 16)
    """

    def __init__(self, class_index: int | Sequence[int], mask: np.ndarray):
        mask = np.asarray(mask)
        if mask.ndim not in (2, 3) or mask.dtype.kind not in "biuf":
            raise ValueError(
                "`mask` must be an array (height, width) or (batch, height, "
                f"width). Received: shape {mask.shape} of {mask.dtype}"
            )
        if not (mask >= 0).all() or not mask.any(axis=(-2, -1)).all():
            raise ValueError(
                "`mask` must have non-negative weights, and mark at least one "
                "pixel of each image. Received: a mask that is 0 everywhere "
                "or has negative weights"
            )
        self.class_index = class_index
        self.mask = mask.astype("float32")


@dataclasses.dataclass(frozen=True)
class Target:
    """A score function with its arrays, one row per image."""

    function: ScoreFunction
    arrays: tuple[np.ndarray, ...] = ()

    @functools.cached_property
    def key(self) -> Hashable:
        """Fingerprint of the function, taken on first access."""
        return fingerprint.of(self.function)

    def take(self, indices: Indices) -> "Target":
        """Returns the target for some of the images."""
        arrays = tuple(array[indices] for array in self.arrays)
        taken = dataclasses.replace(self, arrays=arrays)
        # Keep the key for all batches, even if the function has state.
        vars(taken)["key"] = self.key
        return taken


@dataclasses.dataclass(frozen=True)
class OwnScore:
    """A user's function of the output as the model returns it."""

    function: Callable[[Any], Any]

    def __call__(self, outputs: Any) -> tuple[Any, Any]:
        scores = ops.convert_to_tensor(self.function(outputs))
        if len(scores.shape) != 1:
            raise ValueError(
                "A callable `targets` must return one score per image, of "
                "shape (batch,). Received: shape "
                f"{tuple(scores.shape)}"
            )
        return scores, ops.full_like(scores, -1, dtype="int32")


def resolve(targets: Any, count: int, classes: int | None) -> Target:
    """Turns the argument `targets` into a `Target`.

    Args:
        targets: `None`, class indices, a `MaskedMean` or a callable.
        count: Number of images.
        classes: Number of classes, or `None` if the model has several
            outputs. Only a callable can handle several outputs.
    """
    if callable(targets):
        return Target(OwnScore(targets))
    if classes is None:
        raise ValueError(
            "For a model with several outputs, `output` must be the index or "
            "name of one, or `targets` must be a callable of all outputs. "
            f"Received: output=None, targets={targets!r}"
        )
    if targets is None:
        return Target(best_class)
    if isinstance(targets, MaskedMean):
        mask = targets.mask
        if mask.ndim == 2:
            mask = np.repeat(mask[None], count, axis=0)
        if len(mask) != count:
            raise ValueError(
                "`mask` must hold one mask per image. Received: "
                f"{len(mask)} masks for {count} images"
            )
        indices = _indices(targets.class_index, count, classes)
        return Target(_masked_mean, (indices, mask))
    return pinned(_indices(targets, count, classes))


def pinned(indices: np.ndarray) -> Target:
    """Returns the target for given classes."""
    return Target(_chosen_class, (indices,))


def is_of_classes(target: Target) -> bool:
    """Returns whether the scores are plain class scores."""
    return target.function in (best_class, _chosen_class)


def every_class(outputs: Any) -> tuple[Any, Any]:
    """Returns the scores `(batch, classes)`."""
    scores = _class_scores(outputs)
    return scores, ops.argmax(scores, axis=1)


def best_class(outputs: Any) -> tuple[Any, Any]:
    """Returns the highest score of each image and its class."""
    classes = ops.argmax(_class_scores(outputs), axis=1)
    return _chosen_class(outputs, ops.cast(classes, "int32"))


def _chosen_class(outputs: Any, indices: Any) -> tuple[Any, Any]:
    scores = _class_scores(outputs)
    return ops.take_along_axis(scores, indices[:, None], axis=1)[:, 0], indices


def _masked_mean(outputs: Any, indices: Any, mask: Any) -> tuple[Any, Any]:
    if tuple(outputs.shape[1:-1]) != tuple(mask.shape[1:]):
        raise ValueError(
            "`mask` must have the size of the model's output, "
            f"{tuple(outputs.shape[1:-1])}. Received: {tuple(mask.shape[1:])}"
        )
    mask = mask / ops.sum(mask, axis=(1, 2), keepdims=True)
    scores = ops.sum(outputs * mask[..., None], axis=(1, 2))
    return ops.take_along_axis(scores, indices[:, None], axis=1)[:, 0], indices


def _class_scores(outputs: Any) -> Any:
    """Returns scores `(batch, classes)`, averaged over any positions."""
    middle = tuple(range(1, len(outputs.shape) - 1))
    return ops.mean(outputs, axis=middle) if middle else outputs


def _indices(targets: Any, count: int, classes: int) -> np.ndarray:
    array = np.asarray(targets)
    if array.dtype.kind not in "iu" or array.shape not in ((), (count,)):
        raise ValueError(
            "`targets` must be one class index per image, a single one for "
            "all, `None` for the highest score, or a callable. Received: "
            f"targets={targets!r} for {count} images"
        )
    if array.size and not (0 <= array.min() and array.max() < classes):
        raise ValueError(
            f"`targets` must be from 0 to {classes - 1}, since the model has "
            f"{classes} classes. Received: targets={targets!r}"
        )
    return np.broadcast_to(array, (count,)).astype("int32")
