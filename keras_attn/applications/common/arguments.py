"""The eight arguments that every model takes, checked in one place."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any, TypeGuard

import keras

from keras_attn import checks
from keras_attn.applications.common.images import channel_axis
from keras_attn.weights.convert import load
from keras_attn.weights.files import SUFFIXES
from keras_attn.weights.keras_files import load_keras

# The types of three of them.
Weights = str | os.PathLike[str] | None
InputShape = Sequence[int | None] | None
Activation = str | Callable[[Any], Any] | None

_KERAS_FILES = (".weights.h5", ".h5", ".keras")


@dataclasses.dataclass
class Top:
    """What a model ends in: four of the arguments, checked."""

    include_top: bool
    pooling: str | None
    classes: int
    classifier_activation: Activation

    def __post_init__(self) -> None:
        checks.one_of("pooling", self.pooling, (None, "avg", "max"))
        if self.include_top and self.pooling is not None:
            raise ValueError(
                "`pooling` takes the place of the classifier: pass "
                "`include_top=False` with it. Received: "
                f"pooling={self.pooling!r}, include_top={self.include_top}"
            )
        if self.include_top:
            self.classes = checks.positive("classes", self.classes)
        # Raises for names that Keras does not know.
        keras.activations.get(self.classifier_activation)


def image_input(
    input_tensor: Any,
    input_shape: InputShape,
    default_shape: tuple[int, int, int],
    multiple: int | None = None,
) -> Any:
    """Returns the tensor that a model starts from.

    Args:
        input_tensor: A Keras tensor, also the output of other layers, or
            `None`.
        input_shape: Shape without the batch, or `None` for the default.
        default_shape: `(height, width, channels)` of the model.
        multiple: Integer that height and width must be multiples of, or
            `None` if they may be any, and unknown.
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
                "`input_shape` must be that of `input_tensor`, or None. "
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
            f"`input_shape` must be {names}, without the batch. "
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
            f"Height and width must be {rule}: "
            f"`input_shape` is {names}, as `keras.config.image_data_format()` "
            f"is {keras.config.image_data_format()!r}. "
            f"Received: input_shape={shape}"
        )
    channels = shape[0] if first else shape[2]
    if not _counts(channels):
        raise ValueError(
            "The number of channels must be a positive integer; "
            f"`input_shape` is {names}. Received: input_shape={shape}"
        )
    return keras.Input(shape) if input_tensor is None else input_tensor


def _counts(value: Any) -> TypeGuard[int]:
    """Whether a value is a number of pixels or channels."""
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
            load(model, path, argument="weights", lenient=_LENIENT)
        else:
            load_keras(model, path)
    return model


# A function that makes a model takes no `strict`.
_LENIENT = (
    "build the model with `weights=None` and call "
    "`keras_attn.weights.load_torch(model, path, strict=False)`"
)


def check_weights(weights: Weights) -> None:
    """Checks that `weights` is `None` or a file that can be loaded."""
    if weights is None:
        return
    kinds = _KERAS_FILES + SUFFIXES
    if not isinstance(weights, (str, os.PathLike)):
        problem = "is not a path"
    elif not os.fsdecode(weights).endswith(_KERAS_FILES) and not (
        os.fsdecode(weights).lower().endswith(SUFFIXES)
    ):
        problem = "is no such file name"
    elif not os.path.isfile(weights):
        problem = "does not exist"
    else:
        return
    raise ValueError(
        "`weights` must be None (random weights) or the path of a file that "
        f"ends in one of {', '.join(kinds)}; no weights are published with "
        f"this model. Received: weights={weights!r}, which {problem}"
    )
