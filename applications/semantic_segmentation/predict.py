"""Labels pixels: `python -m applications.semantic_segmentation.predict`."""

import argparse
from collections.abc import Iterator, Sequence

import numpy as np

from applications.common import command, files, runs
from applications.common.extras import optional
from applications.common.images import read_pictures
from applications.common.problems import Problems
from applications.common.reports import confusion_matrix
from applications.semantic_segmentation import parsers
from applications.semantic_segmentation.augment import FILL
from applications.semantic_segmentation.model import Loaded, load_model
from applications.semantic_segmentation.palette import overlay, write_index_png
from applications.semantic_segmentation.scenes import IGNORE, Scene
from applications.semantic_segmentation.tiles import starts
from applications.semantic_segmentation.views import preprocess
from keras_attn.ops.interpolation import bilinear_matrix

BATCH = 4


@command.parsed_by(parsers.predict)
def main(options: argparse.Namespace) -> None:
    """Labels the pixels of image files."""
    parsers.check_test_scales(options)
    stems = [path.stem for path in options.images]
    if len(set(stems)) < len(stems):
        raise ValueError(
            "the images must have different names, since each becomes a file. "
            f"Received: {sorted(stems)}"
        )
    loaded = load_model(options.model)
    output = (
        options.output or runs.folder_of(options.model) / parsers.PREDICTIONS
    )
    problems = Problems(options.skip_bad)
    for path, image in read_pictures(options.images, problems):
        mask = predict_mask(
            loaded, image, None, options.test_scales, options.flip
        )
        target = output / f"{path.stem}.png"
        write_index_png(target, mask, loaded.palette)
        drawn = overlay(image, mask, loaded.palette)
        shown = output / f"{path.stem}_overlay.png"
        with files.replacing(shown) as partial:
            optional("PIL.Image", "images").fromarray(drawn).save(partial)
        print(f"{path}\t{target}\t{_shares(mask, loaded.class_names)}")


def _shares(mask: np.ndarray, names: Sequence[str]) -> str:
    """Returns the classes of a mask as text, most frequent first."""
    counts = np.bincount(mask.ravel(), minlength=len(names))
    return ", ".join(
        f"{names[index]} {counts[index] / mask.size:.3f}"
        for index in np.argsort(-counts)
        if counts[index]
    )


def predict_mask(
    loaded: Loaded,
    image: np.ndarray,
    size: tuple[int, int] | None = None,
    test_scales: Sequence[float] = (1.0,),
    flip: bool = False,
) -> np.ndarray:
    """Returns the class of each pixel, uint8 `(height, width)`.

    Args:
        loaded: The network.
        image: uint8 `(height, width, 3)`.
        size: Height and width of the result; `None` for those of the image.
        test_scales: Scales of the image over which the scores are averaged.
        flip: Whether to also average over the mirror image.
    """
    scores = predict_scores(loaded, image, test_scales, flip)
    return _resize(scores, size or image.shape[:2]).argmax(-1).astype("uint8")


def predict_scores(
    loaded: Loaded,
    image: np.ndarray,
    test_scales: Sequence[float] = (1.0,),
    flip: bool = False,
) -> np.ndarray:
    """Returns logits `(height, width, classes)` at the size of the image."""
    image_module = optional("PIL.Image", "images")
    height, width = image.shape[:2]
    total = np.float32(0)
    for scale in test_scales:
        side = tuple(max(1, round(n * scale)) for n in (width, height))
        scaled = image_module.fromarray(image).resize(
            side, image_module.Resampling.BILINEAR
        )
        scaled = np.asarray(scaled)
        found = _scores(loaded, scaled)
        if flip:
            found = found + _scores(loaded, scaled[:, ::-1])[:, ::-1]
        total = total + _resize(found, (height, width))
    return total / (len(test_scales) * (2 if flip else 1))


def _scores(loaded: Loaded, image: np.ndarray) -> np.ndarray:
    """Averages the logits of windows that overlap by a quarter.

    All windows have one size, so that the network is compiled only once and
    memory does not grow with the picture.
    """
    tile = loaded.config.tile
    height, width = image.shape[:2]
    padded = np.empty((max(height, tile), max(width, tile), 3), "uint8")
    padded[:] = FILL
    padded[:height, :width] = image
    classes = len(loaded.class_names)
    total = np.zeros((*padded.shape[:2], classes), "float32")
    count = np.zeros((*padded.shape[:2], 1), "float32")
    rows, columns = (
        starts(side, tile, overlap=tile // 4) for side in padded.shape[:2]
    )
    places = [(row, column) for row in rows for column in columns]
    for some in _batches(places):
        windows = [padded[r : r + tile, c : c + tile] for r, c in some]
        # All batches have one size, so that nothing is compiled twice.
        images = np.resize(np.stack(windows), (BATCH, tile, tile, 3))
        ready = preprocess(images, loaded.data_format)
        found = np.asarray(loaded.model.predict_on_batch(ready), "float32")
        if loaded.data_format == "channels_first":
            found = np.moveaxis(found, 1, -1)
        for (row, column), scores in zip(some, found, strict=False):
            place = slice(row, row + tile), slice(column, column + tile)
            total[place] += _resize(scores, (tile, tile), align_corners=True)
            count[place] += 1
    return (total / count)[:height, :width]


def _batches(places: list) -> Iterator[list]:
    for start in range(0, len(places), BATCH):
        yield places[start : start + BATCH]


def _resize(
    scores: np.ndarray, size: tuple[int, int], align_corners: bool = False
) -> np.ndarray:
    """Resizes `(height, width, classes)` bilinearly."""
    if scores.shape[:2] == tuple(size):
        return scores
    rows, columns = (
        bilinear_matrix(source, target, align_corners)
        for source, target in zip(scores.shape, size, strict=False)
    )
    return np.einsum("ah,hwc,bw->abc", rows, scores, columns, optimize=True)


def confusion(
    loaded: Loaded,
    scenes: Sequence[Scene],
    test_scales: Sequence[float] = (1.0,),
    flip: bool = False,
) -> np.ndarray:
    """Counts the pixels of scenes: rows are true classes."""
    classes = len(loaded.class_names)
    matrix = np.zeros((classes, classes), "int64")
    for scene in scenes:
        mask = scene.mask()
        predicted = predict_mask(
            loaded, scene.image(), mask.shape, test_scales, flip
        )
        counts = mask != IGNORE
        matrix += confusion_matrix(
            mask[counts].astype("int64"), predicted[counts], classes
        )
    return matrix


if __name__ == "__main__":
    raise SystemExit(main())
