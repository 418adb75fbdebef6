"""Checks of the eight arguments that every model takes."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any, TypeGuard

import keras

from keras_attn import checks
from keras_attn.applications.common.images import channel_axis
from keras_attn.applications.common.warnings import warn_of_new_classifier
from keras_attn.weights.convert import load
from keras_attn.weights.files import SUFFIXES
from keras_attn.weights.keras_files import load_keras

# Types of three of these arguments.
Weights = str | os.PathLike[str] | None
InputShape = Sequence[int | None] | None
Activation = str | Callable[[Any], Any] | None

_KERAS_FILES = (".weights.h5", ".h5", ".keras")


@dataclasses.dataclass
class Top:
    """The top of a model: four of the arguments, checked."""

    include_top: bool
    pooling: str | None
    classes: int
    classifier_activation: Activation
    least_classes: int = 1

    def __post_init__(self) -> None:
        checks.one_of("pooling", self.pooling, (None, "avg", "max"))
        if self.include_top and self.pooling is not None:
            raise ValueError(
                "`pooling` must be None for a model with a classifier. "
                f"Received: pooling={self.pooling!r}, "
                f"include_top={self.include_top}. Pass `include_top=False`"
            )
        if self.include_top:
            self.classes = checks.integer(
                "classes", self.classes, self.least_classes
            )
        # Raises an error for names that Keras does not know.
        keras.activations.get(self.classifier_activation)


def image_input(
    input_tensor: Any,
    input_shape: InputShape,
    default_shape: tuple[int, int, int],
    multiple: int | None = None,
) -> Any:
    """Returns the input tensor of a model.

    Args:
        input_tensor: A Keras tensor, possibly the output of other layers, or
            `None`.
        input_shape: Shape without the batch, or `None` for the default.
        default_shape: Default shape `(height, width, channels)`.
        multiple: Integer of which height and width must be multiples, or
            `None` if they may have any value and may be unknown.
    """
    first = channel_axis() == 1
    if input_tensor is not None:
        if not keras.utils.is_keras_tensor(input_tensor):
            raise ValueError(
                "`input_tensor` must be a Keras tensor, such as "
                "`keras.Input(...)` or the output of a layer. "
                f"Received: input_tensor of {type(input_tensor)}"
            )
        shape = tuple(input_tensor.shape[1:])
        if input_shape is not None and tuple(input_shape) != shape:
            raise ValueError(
                "`input_shape` must be the shape of `input_tensor`, or None. "
                f"Received: input_shape={tuple(input_shape)}, "
                f"input_tensor.shape={tuple(input_tensor.shape)}"
            )
    else:
        if first:
            default_shape = (default_shape[2], *default_shape[:2])
        shape = tuple(default_shape if input_shape is None else input_shape)
    names = (
        "(channels, height, width)" if first else "(height, width, channels)"
    )
    if len(shape) != 3:
        raise ValueError(
            f"`input_shape` must be {names}, without the batch axis. "
            f"Received: input_shape={shape}"
        )
    sides = shape[1:] if first else shape[:2]
    if multiple is None:
        rule = "positive integers or None"
        wrong = any(side is not None and not _counts(side) for side in sides)
    else:
        rule = f"multiples of {multiple}"
        wrong = any(not _counts(side) or side % multiple for side in sides)
    if wrong:
        raise ValueError(
            f"Height and width must be {rule}. "
            f"`input_shape` is {names}, since `keras.config."
            f"image_data_format()` is {keras.config.image_data_format()!r}. "
            f"Received: input_shape={shape}"
        )
    channels = shape[0] if first else shape[2]
    if not _counts(channels):
        raise ValueError(
            "The number of channels must be a positive integer. "
            f"`input_shape` is {names}. Received: input_shape={shape}"
        )
    return keras.Input(shape) if input_tensor is None else input_tensor


def _counts(value: Any) -> TypeGuard[int]:
    """Returns whether a value is a valid number of pixels or channels."""
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    return is_integer and int(value) >= 1


def finish(
    input_tensor: Any, outputs: Any, name: str, weights: Weights
) -> keras.Model:
    """Builds the model, and loads its weights if a file is given."""
    inputs = keras.utils.get_source_inputs(input_tensor)
    inputs = inputs[0] if len(inputs) == 1 else inputs
    model = keras.Model(inputs, outputs, name=name)
    if weights is not None:
        path = os.fsdecode(weights)
        if path.lower().endswith(SUFFIXES):
            report = load(
                model,
                path,
                argument="weights",
                lenient=_LENIENT,
                new_classifier=True,
            )
            warn_of_new_classifier(report, model, path)
        else:
            load_keras(model, path)
    return model


# Functions that create models have no argument `strict`.
_LENIENT = (
    "build the model with `weights=None` and call "
    "`keras_attn.weights.load_torch(model, path, strict=False)`"
)


def check_weights(weights: Weights, names: str = "") -> None:
    """Checks that `weights` is `None` or a file that can be loaded.

    Args:
        weights: The argument of a function that creates a model.
        names: Which names the function takes, or `""` if it takes none.
    """
    if weights is None:
        return
    kinds = _KERAS_FILES + SUFFIXES
    if not isinstance(weights, (str, os.PathLike)):
        problem = "is not a path"
    elif not os.fsdecode(weights).endswith(_KERAS_FILES) and not (
        os.fsdecode(weights).lower().endswith(SUFFIXES)
    ):
        problem = "has another suffix"
    elif not os.path.isfile(weights):
        problem = "does not exist"
    else:
        return
    others = f" It can also be {names}." if names else _NONE
    raise ValueError(
        "`weights` must be None (random weights) or the path of a file that "
        f"ends in one of {', '.join(kinds)}.{others} "
        f"Received: weights={weights!r}, which {problem}"
    )


_NONE = " There are no pretrained weights for this model."
