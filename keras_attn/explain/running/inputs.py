"""What a model is given: checked and counted."""

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
    """Inputs of a model: arrays that share their first axis, in a nest.

    Attributes:
        nest: What the model takes, of any leaves.
        arrays: The leaves.
        position: Which of them are the images that are explained; `None` if
            there are several with four axes, and none was chosen.
        data_format: Of the images.
        batch_size: How many images may be run at once.
        model: Fingerprint of the model that they were checked for.
        mirrored: Whether the images are, so that outputs are to be turned.
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
        """Which of the arrays are the images that are explained."""
        if self.position is None:
            shapes = [self.arrays[i].shape for i in self.pictures]
            raise ValueError(
                "`image` must say which of the model's images is explained, by "
                f"its index or name. Received: image=None for {len(shapes)} "
                f"images of the shapes {shapes}"
            )
        return self.position

    @property
    def images(self) -> Any:
        """The images."""
        return self.arrays[self.chosen]

    @property
    def pictures(self) -> list[int]:
        """Which of the arrays are images."""
        return [i for i, array in enumerate(self.arrays) if array.ndim == 4]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        first = self.data_format == "channels_first"
        return self.images.shape[2:] if first else self.images.shape[1:3]

    @functools.cached_property
    def key(self) -> tuple[Any, ...]:
        """What the shapes in a model depend on, but for the batch."""
        return repr(self.nest), *(
            (tuple(x.shape[1:]), keras.backend.standardize_dtype(x.dtype))
            for x in self.arrays
        )

    def frame(self) -> "Inputs":
        """Returns the same without arrays, for what outlives them."""
        return dataclasses.replace(self, arrays=[])

    def at(self, position: int) -> "Inputs":
        """Returns the same with other arrays being the images."""
        return dataclasses.replace(self, position=position)

    def take(self, indices: Indices) -> "Inputs":
        """Returns some of them, in that order."""
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
        """Returns the nest that the model takes, of these leaves."""
        return keras.tree.pack_sequence_as(self.nest, list(tensors))

    def width_axis(self) -> int:
        """Returns which axis of the images the columns are."""
        return 3 if self.data_format == "channels_first" else 2

    def over_channels(self, maps: np.ndarray) -> np.ndarray:
        """Returns maps with an axis for the channels of images."""
        first = self.data_format == "channels_first"
        return np.expand_dims(maps, 1 if first else 3)


def check(
    model: keras.Model,
    images: Any,
    data_format: str,
    batch_size: int,
    image: int | str | None = None,
) -> Inputs:
    """Checks what is given to a model.

    Raises:
        ValueError: If there is no batch of images, if its shape is not the
            model's, if a number in it is not finite, if `image` is none of
            the images, or the `batch_size` is none.
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
            "`images` must be at least one, and all inputs of the same "
            f"number. Received: shapes {shapes}"
        )
    for array in arrays:
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            rows = np.isfinite(array.reshape(len(array), -1)).all(axis=1)
            raise ValueError(
                "`images` must hold finite numbers only. Received: NaN or "
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
    """Returns which of the arrays is the image of an index or name."""
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
    """Returns the names of the leaves of what a model is given."""
    if isinstance(images, dict):
        # The order in which Keras takes a dictionary apart.
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
    """Compares with the shapes that a functional model declares."""
    declared = getattr(model, "inputs", None)
    if not isinstance(declared, (list, tuple)) or not declared:
        return
    # A sequential model takes the number of its first images for a rule.
    expected = [(None, *tensor.shape[1:]) for tensor in declared]
    names = [tensor.name for tensor in declared]
    if isinstance(images, dict) and set(images) == set(names):
        by_name = dict(zip(names, expected, strict=True))
        # The order in which Keras takes a dictionary apart.
        expected = [by_name[name] for name in sorted(images)]
    if len(expected) != len(shapes) or not all(
        len(shape) == len(wanted)
        and all(b is None or a == b for a, b in zip(shape, wanted, strict=True))
        for shape, wanted in zip(shapes, expected, strict=True)
    ):
        raise ValueError(
            f"`images` must have the shape that the model {model.name!r} "
            f"takes, {expected[0] if len(expected) == 1 else expected}, "
            f"images as {layout}. Received: shape "
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
            f"{type(values).__name__} that has none yet. Inside of a function "
            "that is being compiled, nothing can be explained but arrays"
        ) from error
    if array.dtype.kind not in "fiub":
        raise ValueError(
            "`images` must be arrays of numbers. Received: an array of "
            f"{array.dtype}"
        )
    # Four axes are an image, whatever numbers it is made of.
    if array.ndim == 4 or array.dtype == "float64":
        array = array.astype("float32")
    return array
