"""Reasons why a map is 0 everywhere or not finite."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

_UNREAD, _NEGATIVE, _FLAT, _NOT_FINITE = 1, 2, 3, 4
_WHY = {
    _UNREAD: (
        "the score does not depend on the map: later layers do not use it, "
        "or a ReLU cuts it off. Choose another layer"
    ),
    _NEGATIVE: (
        "nothing in the map supports the explained class: the weighted "
        "features are nowhere above 0. Choose another class, layer or method"
    ),
    _FLAT: (
        "the weighted features are the same at all positions. Choose another "
        "layer or method"
    ),
    _NOT_FINITE: (
        "the weighted features are not finite: the model overflows on these "
        "images. Check the range of the images, or compute in float32"
    ),
}


def reasons(maps: Sequence[Any], evidence: Sequence[Any]) -> Any:
    """Returns why the map of each image would be black, if it is.

    Args:
        maps: `(batch, height, width)` for each layer, before scaling.
        evidence: Gradients or weights for each layer; may be empty.

    Returns:
        int32 tensor `(batch,)`.
    """
    high = [ops.max(each, axis=(1, 2)) for each in maps]
    low = [ops.min(each, axis=(1, 2)) for each in maps]
    read = [ops.any(each != 0, axis=(1, 2, 3)) for each in evidence]
    top, least = (ops.stack(x) for x in (high, low))
    found = ops.where(ops.all(top == least, axis=0), _FLAT, _NEGATIVE)
    if read:
        is_read = ops.any(ops.stack(read), axis=0)
        found = ops.where(is_read, found, _UNREAD)
    # A comparison with NaN is false.
    finite = ops.all(ops.abs(ops.stack([*high, *low])) < np.inf, axis=0)
    return ops.where(finite, found, _NOT_FINITE)


def warn(maps: np.ndarray, found: np.ndarray, paths: Sequence[str]) -> None:
    """Warns once about all black maps, with the reasons found."""
    usable = maps.any(axis=(1, 2)) & np.isfinite(maps).all(axis=(1, 2))
    parts = []
    for reason, text in _WHY.items():
        images = np.flatnonzero(~usable & (found == reason)).tolist()
        if images:
            more = ", ..." if len(images) > 8 else ""
            shown = ", ".join(map(str, images[:8]))
            parts.append(f"For the images {shown}{more}, {text}")
    if parts:
        warnings.warn(
            "Some maps of the layers "
            f"{', '.join(map(repr, paths))} are 0 everywhere, or not finite. "
            f"{'. '.join(parts)}",
            stacklevel=4,
        )
