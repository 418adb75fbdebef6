"""Names for the predictions of a classifier."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_attn import checks

# For each image, the best classes: id or index, name and score.
Predictions = list[list[tuple[str | int, str, float]]]

# Number of names that an error message shows of a long list.
_SHOWN = 7


def most_probable(
    preds: Any, names: Sequence[str], top: int, ids: Sequence[str] | None = None
) -> Predictions:
    """Returns `(id, name, score)` of the best classes of each image.

    Args:
        preds: Array or tensor `(batch, classes)` of probabilities or logits.
        names: Sequence of names in the order of the classes.
        top: Number of classes to return.
        ids: Identifiers of the classes, or `None` for their indices.
    """
    top = checks.positive("top", top)
    known = range(len(names)) if ids is None else ids
    preds = np.asarray(keras.ops.convert_to_numpy(preds))
    if preds.ndim != 2 or preds.shape[1] != len(names):
        shown = list(names[:_SHOWN]) + ["..."] * (len(names) > _SHOWN)
        raise ValueError(
            f"`preds` must have the shape (batch, {len(names)}), with one "
            f"column for each of the class names {shown}. "
            f"Received: preds.shape={preds.shape}. Pass `class_names` for "
            "other classes"
        )
    order = np.argsort(-preds, axis=1, kind="stable")[:, :top]
    return [
        [(known[i], names[i], float(row[i])) for i in map(int, best)]
        for row, best in zip(preds, order, strict=True)
    ]
