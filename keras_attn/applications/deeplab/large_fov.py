"""DeepLab-LargeFOV, of one scale."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_attn import checks
from keras_attn.applications.common import arguments, blocks
from keras_attn.applications.deeplab import graph
from keras_attn.layers import BilinearResizing


def DeepLabLargeFOV(
    include_top: bool = True,
    weights: arguments.Weights = None,
    input_tensor: Any = None,
    input_shape: arguments.InputShape = None,
    pooling: str | None = None,
    classes: int = 21,
    classifier_activation: arguments.Activation = "softmax",
    name: str = "deeplab_largefov",
    *,
    filters: int = 1024,
    dropout: float = 0.5,
    average_pooling: bool = True,
    skips: Sequence[str] = (),
    output_resolution: str = "feature",
    form: str = "paper",
    seed: int | None = None,
) -> keras.Model:
    """DeepLab-LargeFOV: VGG16 that scores the classes of each place.

    Five stages of 2, 2, 3, 3 and 3 convolutions by 3x3, named `stage1` to
    `stage5` by the 3x3 max poolings at their ends, of which the first three
    have a stride of 2; those of the fifth see every second pixel (dilation
    2). Then `fc6`, 3x3 with dilation 12, and `fc7`, 1x1, with dropout, and
    the linear `classifier`. An image of 321 x 321 gives scores of 41 x 41.
    20,483,904 parameters to `fc7`. No weights come with it: `weights` takes
    a VGG16, see below.

    Reference: Chen et al., "Semantic Image Segmentation with Deep
    Convolutional Nets and Fully Connected CRFs", ICLR 2015
    (https://arxiv.org/abs/1412.7062), the network DeepLab-LargeFOV without
    the random field. Poolings pad a pixel on each side, as in Caffe. The
    convolutions start as He et al. draw them, the classifier from a normal
    distribution of deviation 0.01.

    Args:
        include_top: Whether to end in the classifier. Defaults to `True`.
        weights: `None` for random weights, or the path of a file: Keras'
            (`.weights.h5`, `.h5`, `.keras`) or a PyTorch checkpoint
            (`.safetensors`, `.pt`, `.pth`, `.pth.tar`, `.ckpt`, `.bin`,
            `.npz`) that has all weights.
            `keras_attn.weights.load_torch(model, file, strict=False)` also
            loads a VGG16, with torchvision's names or Caffe's: of its linear
            layers every fourth unit and every third pixel, as DeepLab has it.
        input_tensor: Keras tensor to start from, such as the output of
            augmentation layers, or `None`.
        input_shape: Shape of an image in the order of
            `keras.config.image_data_format()`; any height and width, also
            `None`. Defaults to `(321, 321, 3)`. See `preprocess_input` for
            its values.
        pooling: Without top: `None` for the last feature map, `"avg"` or
            `"max"` for a vector.
        classes: Number of classes. Defaults to `21`.
        classifier_activation: Activation of the top; `None` returns logits.
            Defaults to `"softmax"`.
        name: Name of the model. Defaults to `"deeplab_largefov"`.
        filters: Number of channels of `fc6` and `fc7`. Defaults to `1024`.
        dropout: Share of their outputs that training sets to 0. Defaults to
            `0.5`.
        average_pooling: Whether a 3x3 average pooling follows `stage5`.
            Defaults to `True`.
        skips: What joins `fc7`, some of `"image"`, `"stage1"`, .. `"stage4"`:
            each by a 3x3 and a 1x1 convolution of 128 channels, as in the
            paper's DeepLab-MSc; the first has the stride that leads to the
            size of `fc7`. Colours and fine textures reach the classifier so.
            Defaults to `()`.
        output_resolution: `"feature"`, an eighth of the image's, or
            `"input"`: scores are resized to the size of the image, bilinearly
            with aligned corners, before the activation. Defaults to
            `"feature"`.
        form: `"paper"`, or `"reference"` for a known PyTorch implementation,
            which has no ReLU after `fc7`, and a classifier by 3x3 with ReLU.
            Defaults to `"paper"`.
        seed: Integer from 0 for the dropout, or `None` to follow
            `keras.utils.set_random_seed`. A saved model draws on where it was
            with an integer only. Defaults to `None`.

    Returns:
        A functional `keras.Model`: class probabilities
        `(batch, height, width, classes)`, the channels second if they are
        first, or features.

    Raises:
        ValueError: For any argument outside of the above.

    Example:

    >>> model = keras_attn.applications.DeepLabLargeFOV(
    ...     input_shape=(None, None, 3), filters=64
    ... )
    >>> tuple(model.predict(np.zeros((1, 33, 49, 3)), verbose=0).shape)
    (1, 5, 7, 21)
    """
    top = arguments.Top(include_top, pooling, classes, classifier_activation)
    arguments.check_weights(weights)
    checks.one_of("output_resolution", output_resolution, graph.SIZES)
    input_tensor = arguments.image_input(
        input_tensor, input_shape, (321, 321, 3)
    )
    backbone = graph.Backbone(
        filters, dropout, average_pooling, skips, form, seed
    )
    x = backbone(input_tensor)
    if include_top:
        x = graph.classifier(top.classes, form)(x)
        if output_resolution == "input":
            x = BilinearResizing(name="upsampled")(x, like=input_tensor)
        x = blocks.activate(x, classifier_activation)
    else:
        x = blocks.pool_features(x, pooling)
    return arguments.finish(input_tensor, x, name, weights)
