"""Names for what a classifier says."""

import keras
import numpy as np

from keras_attn import checks

# As many names as an error message shows of a long list.
_SHOWN = 7


def most_probable(preds, names, top, ids=None):
    """Returns `(id, name, score)` of the best classes of each image.

    Args:
        preds: Array or tensor `(batch, classes)` of probabilities or logits.
        names: Sequence of names in the order of the classes.
        top: How many classes to return.
        ids: What identifies each class, or `None` for its index.
    """
    top = checks.positive("top", top)
    ids = range(len(names)) if ids is None else ids
    preds = np.asarray(keras.ops.convert_to_numpy(preds))
    if preds.ndim != 2 or preds.shape[1] != len(names):
        shown = list(names[:_SHOWN]) + ["..."] * (len(names) > _SHOWN)
        raise ValueError(
            f"`preds` must have the shape (batch, {len(names)}), one column "
            f"for each of the class names {shown}. "
            f"Received: preds.shape={preds.shape}. Pass `class_names` for "
            "other classes"
        )
    order = np.argsort(-preds, axis=1, kind="stable")[:, :top]
    return [
        [(ids[i], names[i], float(row[i])) for i in best]
        for row, best in zip(preds, order, strict=True)
    ]
