"""The checked inputs of a model."""

import dataclasses
import functools
from collections.abc import Hashable, Sequence
from typing import Any

import keras
import numpy as np

from keras_attn.checks import positive
from keras_attn.explain.running.advice import advise, hint

Indices = Sequence[int] | np.ndarray


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Inputs of a model: a nest of arrays with the same first axis.

    Attributes:
        nest: The structure that the model takes, with placeholder leaves.
        arrays: The leaves.
        position: Index of the array of images to explain. `None` if several
            arrays have four axes and none was chosen.
        data_format: Data format of the images.
        batch_size: Maximum number of images that are run at once.
        model: Fingerprint of the model for which the inputs were checked.
        mirrored: Whether the images are mirrored, so that output maps must be
            mirrored back.
    """

    nest: Any
    arrays: list[Any]
    position: int | None
    data_format: str
    batch_size: int
    model: Hashable = None
    mirrored: bool = False

    def __len__(self) -> int:
        return len(self.arrays[0])

    @property
    def chosen(self) -> int:
        """Index of the array of images to explain."""
        if self.position is None:
            shapes = [self.arrays[i].shape for i in self.pictures]
            raise ValueError(
                "`image` must be the index or name of the image to explain. "
                f"Received: image=None for {len(shapes)} images of shapes "
                f"{shapes}"
            )
        return self.position

    @property
    def images(self) -> Any:
        """The images."""
        return self.arrays[self.chosen]

    @property
    def pictures(self) -> list[int]:
        """Indices of the arrays with four axes."""
        return [i for i, array in enumerate(self.arrays) if array.ndim == 4]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        first = self.data_format == "channels_first"
        return self.images.shape[2:] if first else self.images.shape[1:3]

    @functools.cached_property
    def key(self) -> tuple[Any, ...]:
        """Key of what determines the shapes in a model, without the batch."""
        return repr(self.nest), *(
            (tuple(x.shape[1:]), keras.backend.standardize_dtype(x.dtype))
            for x in self.arrays
        )

    def frame(self) -> "Inputs":
        """Returns the same without arrays, for code that outlives them."""
        return dataclasses.replace(self, arrays=[])

    def at(self, position: int) -> "Inputs":
        """Returns the same with other arrays as the images."""
        return dataclasses.replace(self, position=position)

    def take(self, indices: Indices) -> "Inputs":
        """Returns the inputs at some indices, in that order."""
        arrays = [
            array[indices]
            if isinstance(array, np.ndarray)
            else keras.ops.take(array, indices, axis=0)
            for array in self.arrays
        ]
        return dataclasses.replace(self, arrays=arrays)

    def with_images(self, images: np.ndarray) -> "Inputs":
        """Returns the same with other images."""
        arrays = list(self.arrays)
        arrays[self.chosen] = images
        return dataclasses.replace(self, arrays=arrays)

    def mirror(self) -> "Inputs":
        """Returns the same with the mirrored images."""
        images = np.flip(self.images, self.width_axis())
        return dataclasses.replace(self.with_images(images), mirrored=True)

    def tensors(self) -> list[Any]:
        """Returns the leaves on the device."""
        return [keras.ops.convert_to_tensor(array) for array in self.arrays]

    def pack(self, tensors: Sequence[Any]) -> Any:
        """Packs leaves into the nest that the model takes."""
        return keras.tree.pack_sequence_as(self.nest, list(tensors))

    def width_axis(self) -> int:
        """Returns the axis of the images' columns."""
        return 3 if self.data_format == "channels_first" else 2

    def over_channels(self, maps: np.ndarray) -> np.ndarray:
        """Returns maps with an axis added for the channels of images."""
        first = self.data_format == "channels_first"
        return np.expand_dims(maps, 1 if first else 3)


def check(
    model: keras.Model,
    images: Any,
    data_format: str,
    batch_size: int,
    image: int | str | None = None,
) -> Inputs:
    """Checks the inputs for a model.

    Raises:
        ValueError: If there is no batch of images, its shape does not fit the
            model, a number is not finite, `image` is not one of the images,
            or `batch_size` is invalid.
    """
    batch_size = positive("batch_size", batch_size)
    advise(model, images)
    arrays = [_array(x) for x in keras.tree.flatten(images)]
    shapes = [array.shape for array in arrays]
    pictures = [i for i, shape in enumerate(shapes) if len(shape) == 4]
    layout = "(batch, height, width, channels)"
    if data_format == "channels_first":
        layout = "(batch, channels, height, width)"
    if not pictures:
        raise ValueError(
            f"`images` must be a batch of images, {layout}. Received: shape "
            f"{shapes[0] if len(shapes) == 1 else shapes}"
            f"{hint(model, shapes)}"
        )
    if len({shape[:1] for shape in shapes}) > 1 or not shapes[0][0]:
        raise ValueError(
            "`images` must hold at least one image, and all inputs must have "
            f"the same length. Received: shapes {shapes}"
        )
    for array in arrays:
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            rows = np.isfinite(array.reshape(len(array), -1)).all(axis=1)
            raise ValueError(
                "`images` must hold only finite numbers. Received: NaN or "
                f"infinity in the images {np.flatnonzero(~rows)[:8].tolist()}"
            )
    _check_shapes(model, images, shapes, layout)
    nest = keras.tree.map_structure(lambda _: 0, images)
    position = pictures[0] if len(pictures) == 1 else None
    if image is not None:
        position = _chosen(model, images, pictures, image)
    return Inputs(nest, arrays, position, data_format, batch_size)


def _chosen(
    model: keras.Model, images: Any, pictures: list[int], image: int | str
) -> int:
    """Returns the position of the image with an index or name."""
    names = _names(model, images)
    chosen = pictures[:]
    if isinstance(image, str):
        chosen = [i for i in pictures if names[i] == image]
    elif image in range(len(pictures)):
        chosen = [pictures[image]]
    else:
        chosen = []
    if len(chosen) != 1:
        raise ValueError(
            f"`image` must be the index of one of the {len(pictures)} images "
            f"that the model {model.name!r} takes, or one of the names "
            f"{[names[i] for i in pictures]}. Received: image={image!r}"
        )
    return chosen[0]


def _names(model: keras.Model, images: Any) -> list[str | None]:
    """Returns the names of the inputs' leaves."""
    if isinstance(images, dict):
        # In the order in which Keras flattens a dictionary.
        flat = keras.tree.flatten({key: key for key in images})
        if len(flat) == len(keras.tree.flatten(images)):
            return flat
    declared = getattr(model, "inputs", None) or []
    names = [tensor.name for tensor in declared]
    count = len(keras.tree.flatten(images))
    return names if len(names) == count else [None] * count


def _check_shapes(
    model: keras.Model, images: Any, shapes: list[tuple], layout: str
) -> None:
    """Checks shapes against those that a functional model declares."""
    declared = getattr(model, "inputs", None)
    if not isinstance(declared, (list, tuple)) or not declared:
        return
    # A sequential model declares the size of its first batch.
    expected = [(None, *tensor.shape[1:]) for tensor in declared]
    names = [tensor.name for tensor in declared]
    if isinstance(images, dict) and set(images) == set(names):
        by_name = dict(zip(names, expected, strict=True))
        # In the order in which Keras flattens a dictionary.
        expected = [by_name[name] for name in sorted(images)]
    if len(expected) != len(shapes) or not all(
        len(shape) == len(wanted)
        and all(b is None or a == b for a, b in zip(shape, wanted, strict=True))
        for shape, wanted in zip(shapes, expected, strict=True)
    ):
        raise ValueError(
            f"`images` must have the shape that the model {model.name!r} "
            f"expects, {expected[0] if len(expected) == 1 else expected}, "
            f"with images as {layout}. Received: shape "
            f"{shapes[0] if len(shapes) == 1 else shapes}"
        )


def _array(values: Any) -> np.ndarray:
    try:
        if keras.ops.is_tensor(values):
            values = keras.ops.convert_to_numpy(values)
        array = np.asarray(values)
    except Exception as error:
        raise ValueError(
            "`images` must be arrays of numbers. Received: a "
            f"{type(values).__name__} without values. Inside a function that "
            "is being compiled, only arrays can be explained"
        ) from error
    if array.dtype.kind not in "fiub":
        raise ValueError(
            "`images` must be arrays of numbers. Received: an array of "
            f"{array.dtype}"
        )
    # Arrays with four axes are images, whatever their dtype.
    if array.ndim == 4 or array.dtype == "float64":
        array = array.astype("float32")
    return array
