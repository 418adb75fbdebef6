"""Preprocessing and class names of ImageNet models."""

from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any

from keras_attn.applications.common.classes import Predictions, most_probable
from keras_attn.applications.common.images import normalized

# Mean and standard deviation of ImageNet's colours, in [0, 1].
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Normalises images in [0, 255] as for models of torchvision and timm.

    `y = (x / 255 - mean) / std`, with the `mean` (0.485, 0.456, 0.406) and
    `std` (0.229, 0.224, 0.225) of red, green and blue in ImageNet.

    Args:
        x: NumPy array or tensor: an RGB image or a batch, in [0, 255].
        data_format: `"channels_last"` or `"channels_first"`. Defaults to the
            Keras setting.

    Returns:
        The normalised images; a new float32 array for NumPy input.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> x = np.full((1, 2, 2, 3), 255, "uint8")
    >>> y = keras_attn.applications.resnet.preprocess_input(x, "channels_last")
    >>> y[0, 0, 0].round(3).tolist()
    [2.249000072479248, 2.428999900817871, 2.640000104904175]
    """
    return normalized(x, data_format, 255.0, MEAN, STD)


def decode_predictions(
    preds: Any, top: int = 5, class_names: Sequence[str] | None = None
) -> Predictions:
    """Names the most probable classes of each image.

    Args:
        preds: Array `(batch, classes)` of probabilities or logits.
        top: Number of classes to return. Defaults to `5`.
        class_names: Names in the order of the classes. Defaults to the
            thousand classes of ImageNet, in the order of torchvision, timm
            and `keras.applications`.

    Returns:
        For each image, a list of tuples `(class id, name, score)`, best
        first. The id is a WordNet id, such as `"n02123045"`, which
        distinguishes the two cranes and the two maillots. With `class_names`,
        it is the class index.

    Raises:
        ValueError: If the shape of `preds` is not
            `(batch, len(class_names))`.

    Example:

    >>> preds = np.zeros((1, 1000))
    >>> preds[0, 281:283] = 0.75, 0.25
    >>> keras_attn.applications.resnet.decode_predictions(preds, top=2)
    [[('n02123045', 'tabby', 0.75), ('n02123159', 'tiger cat', 0.25)]]
    """
    if class_names is not None:
        return most_probable(preds, tuple(class_names), top)
    ids, names = _classes()
    return most_probable(preds, names, top, ids)


def _classes() -> Iterator[tuple[str, ...]]:
    """Returns the WordNet ids and first names of the classes, in order."""
    folder = resources.files("keras_attn.applications.common")
    lines = (folder / "imagenet_classes.txt").read_text("utf-8").splitlines()
    return zip(*(line.split(" ", 1) for line in lines), strict=True)
