"""Random crops of a picture together with its mask."""

import numpy as np

from applications.common.extras import optional
from applications.semantic_segmentation.scenes import IGNORE, check_sizes

# Mean colour of ImageNet, rounded.
FILL = (124, 116, 104)


def random_crop(
    image: np.ndarray,
    mask: np.ndarray,
    size: int,
    rng: np.random.Generator,
    scales: tuple[float, float] = (0.5, 1.5),
    flip: bool = True,
    fill: tuple[int, int, int] = FILL,
) -> tuple[np.ndarray, np.ndarray]:
    """Scales a picture and its mask, and crops the same square from both.

    Args:
        image: uint8 `(height, width, 3)`, interpolated bilinearly.
        mask: uint8 `(height, width)`, resized to the nearest pixel, since the
            mean of two classes is a third one.
        size: Height and width of the result.
        rng: Source of all random numbers; four are drawn per call.
        scales: Smallest and largest scale.
        flip: Whether to mirror half of the crops.
        fill: Colour of the padding below and to the right of a picture that
            is smaller than `size`. The mask is `IGNORE` there.
    """
    check_sizes(image, mask)
    scale = rng.uniform(*scales)
    row, column, side = rng.random(3)
    image, mask = _resize(image, mask, scale)
    image = _crop(image, size, row, column, np.array(fill, "uint8"))
    mask = _crop(mask, size, row, column, np.uint8(IGNORE))
    if flip and side < 0.5:
        image, mask = image[:, ::-1], mask[:, ::-1]
    # Contiguous, since PyTorch does not accept negative strides.
    return np.ascontiguousarray(image), np.ascontiguousarray(mask)


def _resize(
    image: np.ndarray, mask: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    image_module = optional("PIL.Image", "images")
    kinds = image_module.Resampling
    height, width = (max(1, round(side * scale)) for side in mask.shape)
    return tuple(
        np.asarray(image_module.fromarray(each).resize((width, height), kind))
        for each, kind in ((image, kinds.BILINEAR), (mask, kinds.NEAREST))
    )


def _crop(
    values: np.ndarray, size: int, row: float, column: float, fill: np.ndarray
) -> np.ndarray:
    height, width = values.shape[:2]
    # All places are equally likely, since `row` and `column` are below 1.
    top = int(row * (max(0, height - size) + 1))
    left = int(column * (max(0, width - size) + 1))
    piece = values[top : top + size, left : left + size]
    result = np.empty((size, size, *values.shape[2:]), "uint8")
    result[:] = fill
    result[: piece.shape[0], : piece.shape[1]] = piece
    return result
