"""FERNet: facial expression recognition with FeatureAct blocks."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_attn import checks
from keras_attn.applications.common import arguments, blocks
from keras_attn.applications.common.classes import Predictions, most_probable
from keras_attn.applications.common.images import normalized
from keras_attn.layers import FeatureAct
from keras_attn.layers.parts.conv2d_norm_activation import Conv2DNormActivation
from keras_attn.layers.parts.max_pooling2d import MaxPooling2D

# The order of the labels 0 to 6 in the FER2013 dataset.
CLASS_NAMES = (
    "angry",
    "disgust",
    "fear",
    "happy",
    "sad",
    "surprise",
    "neutral",
)
STAGES = (32, 64, 128, 256)


def FERNet(
    include_top: bool = True,
    weights: arguments.Weights = None,
    input_tensor: Any = None,
    input_shape: arguments.InputShape = None,
    pooling: str | None = None,
    classes: int = 7,
    classifier_activation: arguments.Activation = "softmax",
    name: str = "fernet",
    *,
    embeddings: bool = False,
    ratio: int = 4,
    attention_activation: arguments.Activation = None,
) -> keras.Model:
    """Facial expression network with FeatureAct blocks.

    Four stages have 32, 64, 128 and 256 channels. Each stage is
    `2 x [Conv 3x3 -> BatchNorm -> ReLU] -> MaxPool 2x2 -> FeatureAct`. The
    last layers of the stages are named `stage1` to `stage4`. Linear layers of
    256, 128 and `classes` units follow, each with batch normalisation. The
    last normalisation outputs the logits.

    With default arguments, the model has 2,240,795 parameters, not counting
    the moving statistics. There are no pretrained weights.

    Reference: the network "BaselineFeatureAct", published only as code and
    without a reported accuracy. As in that code, the logits are batch
    normalised, batch normalisation has momentum 0.9 and epsilon 1e-5, and all
    weights are initialised uniformly within `+-1 / sqrt(fan_in)`. The final
    softmax is an addition.

    Args:
        include_top: Whether to include the classifier. Defaults to `True`.
        weights: `None` for random weights, or the path of a file in Keras'
            format (`.weights.h5`, `.h5`, `.keras`) or of a checkpoint of the
            reference network (`.safetensors`, `.pt`, `.pth`, `.pth.tar`,
            `.ckpt`, `.bin`, `.npz`).
        input_tensor: Keras tensor to use as input, such as the output of
            augmentation layers, or `None`.
        input_shape: Shape of an image in the order of
            `keras.config.image_data_format()`. Height and width must be
            multiples of 16; any number of channels is possible. Defaults to
            `(48, 48, 1)`. Values are expected in [0, 1], see
            `preprocess_input`.
        pooling: Without the top, `None` for the last feature map, or `"avg"`
            or `"max"` for a vector.
        classes: Number of classes. Defaults to `7`.
        classifier_activation: Activation of the top; `None` returns logits.
            Defaults to `"softmax"`.
        name: Name of the model. Defaults to `"fernet"`.
        embeddings: Whether to output the normalised vector of 128 values
            below the classifier. Defaults to `False`.
        ratio: Channel reduction in FeatureAct. Defaults to `4`.
        attention_activation: Activation of FeatureAct's correlation, such as
            `"sigmoid"`. Defaults to `None`.

    Returns:
        A functional `keras.Model`. It outputs class probabilities
        `(batch, classes)`, embeddings `(batch, 128)`, or features. Batches for
        training must have at least 2 images, because batch normalisation is
        applied to vectors.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> model = keras_attn.applications.FERNet()
    >>> sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    2240795
    >>> tuple(model.predict(np.zeros((2, 48, 48, 1)), verbose=0).shape)
    (2, 7)
    """
    top = arguments.Top(include_top, pooling, classes, classifier_activation)
    arguments.check_weights(weights)
    ratio = checks.positive("ratio", ratio)
    if embeddings and not include_top:
        raise ValueError(
            "`embeddings` cannot be combined with `include_top=False`, since "
            "they are inside the top. Received: "
            f"embeddings={embeddings}, include_top={include_top}"
        )
    input_tensor = arguments.image_input(
        input_tensor, input_shape, (48, 48, 1), multiple=16
    )
    x = input_tensor
    for stage, filters in enumerate(STAGES, start=1):
        x = _stage(x, filters, f"stage{stage}", ratio, attention_activation)
    if include_top:
        x = _top(x, top, embeddings)
    else:
        x = blocks.pool_features(x, pooling)
    return arguments.finish(input_tensor, x, name, weights)


def _stage(
    x: Any,
    filters: int,
    name: str,
    ratio: int,
    activation: arguments.Activation,
) -> Any:
    """Applies two convolutions, a pooling and a FeatureAct block."""
    for i in (1, 2):
        x = Conv2DNormActivation(filters, 3, name=f"{name}_conv{i}")(x)
    x = MaxPooling2D(2, name=f"{name}_pool")(x)
    return FeatureAct(ratio, activation, name=name)(x)


def _top(x: Any, top: arguments.Top, embeddings: bool) -> Any:
    """Applies linear layers with batch normalisation, including the logits."""
    x = keras.layers.Flatten(name="flatten")(x)
    for units, name in ((256, "hidden"), (128, "embedding")):
        x = blocks.dense(x, units, name)
        x = blocks.batch_norm(x, f"{name}_bn")
        if embeddings and name == "embedding":
            return x
        x = keras.layers.ReLU(name=f"{name}_relu")(x)
    x = blocks.dense(x, top.classes, "classifier")
    x = blocks.batch_norm(x, "logits")
    return blocks.activate(x, top.classifier_activation)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Scales images from [0, 255] to [0, 1], as `FERNet` expects.

    `y = x / 255`. The reference code contains no preprocessing. This is the
    usual preprocessing of grey images in PyTorch.

    Args:
        x: NumPy array or tensor: an image or a batch in [0, 255], with any
            number of channels.
        data_format: `"channels_last"` or `"channels_first"`. It has no
            effect, since all channels are scaled in the same way.

    Returns:
        The scaled images; a new float32 array for NumPy input.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> x = np.full((1, 48, 48, 1), 51, "uint8")
    >>> float(keras_attn.applications.fernet.preprocess_input(x)[0, 0, 0, 0])
    0.20000000298023224
    """
    return normalized(x, data_format, 255.0)


def decode_predictions(
    preds: Any, top: int = 5, class_names: Sequence[str] | None = None
) -> Predictions:
    """Names the most probable classes of each image.

    Args:
        preds: Array `(batch, classes)` of probabilities or logits.
        top: Number of classes to return. Defaults to `5`.
        class_names: Names in the order of the classes. Defaults to the seven
            expressions of FER2013 (`CLASS_NAMES`).

    Returns:
        For each image, a list of tuples `(class index, name, score)`, best
        first.

    Raises:
        ValueError: If the shape of `preds` is not
            `(batch, len(class_names))`.

    Example:

    >>> preds = np.array([[0.1, 0.0, 0.0, 0.7, 0.0, 0.2, 0.0]])
    >>> keras_attn.applications.fernet.decode_predictions(preds, top=2)
    [[(3, 'happy', 0.7), (5, 'surprise', 0.2)]]
    """
    names = CLASS_NAMES if class_names is None else tuple(class_names)
    return most_probable(preds, names, top)
