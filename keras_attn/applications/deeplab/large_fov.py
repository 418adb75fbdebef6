"""DeepLab-LargeFOV, with a single scale."""

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
    """DeepLab-LargeFOV: a VGG16 that scores the classes at each position.

    Five stages have 2, 2, 3, 3 and 3 convolutions of 3x3. They end in 3x3 max
    poolings named `stage1` to `stage5`, of which the first three have a
    stride of 2. The convolutions of the fifth stage have dilation 2. `fc6`
    (3x3, dilation 12) and `fc7` (1x1) follow, each with dropout, and then the
    linear `classifier`. A 321 x 321 image results in 41 x 41 scores.

    The model has 20,483,904 parameters up to `fc7`. There are no pretrained
    weights, but `weights` accepts a VGG16, see below.

    Reference: Chen et al., "Semantic Image Segmentation with Deep
    Convolutional Nets and Fully Connected CRFs", ICLR 2015
    (https://arxiv.org/abs/1412.7062), the network DeepLab-LargeFOV without
    the random field. As in Caffe, poolings pad one pixel on each side.
    Convolutions have He initialisation, and the classifier a normal
    initialisation with standard deviation 0.01.

    Args:
        include_top: Whether to include the classifier. Defaults to `True`.
        weights: `None` for random weights, or the path of a file in Keras'
            format (`.weights.h5`, `.h5`, `.keras`) or of a PyTorch checkpoint
            (`.safetensors`, `.pt`, `.pth`, `.pth.tar`, `.ckpt`, `.bin`,
            `.npz`) with all weights.
            `keras_attn.weights.load_torch(model, file, strict=False)` also
            loads a VGG16 with the names of torchvision or Caffe. As in
            DeepLab, it keeps every fourth unit and every third pixel of the
            linear layers.
        input_tensor: Keras tensor to use as input, such as the output of
            augmentation layers, or `None`.
        input_shape: Shape of an image in the order of
            `keras.config.image_data_format()`, with any height and width,
            which may be `None`. Defaults to `(321, 321, 3)`. See
            `preprocess_input` for the range of values.
        pooling: Without the top, `None` for the last feature map, or `"avg"`
            or `"max"` for a vector.
        classes: Number of classes. Defaults to `21`.
        classifier_activation: Activation of the top; `None` returns logits.
            Defaults to `"softmax"`.
        name: Name of the model. Defaults to `"deeplab_largefov"`.
        filters: Number of channels of `fc6` and `fc7`. Defaults to `1024`.
        dropout: Dropout rate after `fc6` and `fc7`. Defaults to `0.5`.
        average_pooling: Whether a 3x3 average pooling follows `stage5`.
            Defaults to `True`.
        skips: Sources of skip connections to `fc7`, some of `"image"`,
            `"stage1"`, .. `"stage4"`. Each goes through a 3x3 and a 1x1
            convolution of 128 channels, as in the paper's DeepLab-MSc. The
            3x3 convolution is strided to the resolution of `fc7`. Skips pass
            colours and fine textures to the classifier. Defaults to `()`.
        output_resolution: `"feature"` for an eighth of the image size, or
            `"input"` to resize scores to the image size before the activation
            (bilinear, with aligned corners). Defaults to `"feature"`.
        form: `"paper"`, or `"reference"` for a known PyTorch implementation
            with no ReLU after `fc7` and a 3x3 classifier with ReLU. Defaults
            to `"paper"`.
        seed: Non-negative integer that seeds the dropout, or `None` to follow
            `keras.utils.set_random_seed`. Only with an integer does a saved
            model continue its random sequence. Defaults to `None`.

    Returns:
        A functional `keras.Model`. It outputs class probabilities
        `(batch, height, width, classes)`, or
        `(batch, classes, height, width)` if channels are first, or features.

    Raises:
        ValueError: If an argument is invalid.

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
