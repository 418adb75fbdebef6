"""DeepLab-LargeFOV, and attention to scale on top of it."""

import keras
import numpy as np

from keras_attn.applications.common import arguments, blocks
from keras_attn.applications.deeplab import graph
from keras_attn.applications.deeplab.multipliers import SGD as SGD
from keras_attn.applications.deeplab.names import torch_names as torch_names
from keras_attn.applications.deeplab.segmentation import MeanIoU as MeanIoU
from keras_attn.applications.deeplab.segmentation import (
    SegmentationCrossentropy as SegmentationCrossentropy,
)
from keras_attn.layers import AttentionToScale, BilinearResizing

# The order of the labels 0 to 20 in PASCAL VOC.
CLASS_NAMES = tuple(
    """background aeroplane bicycle bird boat bottle bus car cat chair cow
    diningtable dog horse motorbike person pottedplant sheep sofa train
    tvmonitor""".split()
)


def DeepLabLargeFOV(
    include_top=True,
    weights=None,
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=21,
    classifier_activation="softmax",
    name="deeplab_largefov",
    *,
    filters=1024,
    dropout=0.5,
    average_pooling=True,
    skips=(),
    output_resolution="feature",
    form="paper",
    seed=None,
):
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
            `"input"`: scores are brought to the size of the image, bilinearly
            with aligned corners, before the activation. Defaults to
            `"feature"`.
        form: `"paper"`, or `"reference"` for a known PyTorch implementation,
            which has no ReLU after `fc7`, and a classifier by 3x3 with ReLU.
            Defaults to `"paper"`.
        seed: Integer for the dropout, or `None` to follow
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
    arguments.check_top(include_top, pooling, classes, classifier_activation)
    arguments.check_weights(weights)
    graph.check_choice("output_resolution", output_resolution, graph.SIZES)
    graph.check_choice("form", form, graph.FORMS)
    graph.check_skips(skips)
    input_tensor = arguments.image_input(
        input_tensor, input_shape, (321, 321, 3)
    )
    backbone = graph.Backbone(
        filters, dropout, average_pooling, skips, form, seed
    )
    x = backbone(input_tensor)
    if include_top:
        x = graph.classifier(classes, form)(x)
        if output_resolution == "input":
            x = BilinearResizing(name="upsampled")(x, like=input_tensor)
        x = graph.activate(x, classifier_activation, "predictions")
    else:
        x = blocks.pool_features(x, pooling)
    return arguments.finish(input_tensor, x, name, weights)


def DeepLabASC(
    include_top=True,
    weights=None,
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=21,
    classifier_activation="softmax",
    name="deeplab_asc",
    *,
    scales=(1, 0.75, 0.5),
    merge="attention",
    extra_supervision=False,
    attention_resolution="feature",
    attention_filters=512,
    filters=1024,
    dropout=0.5,
    average_pooling=False,
    skips=(),
    output_resolution="feature",
    form="paper",
    seed=None,
):
    """DeepLab with attention to scale.

    The image is resized to each scale, `(n - 1) s + 1` of `n` pixels, and one
    `DeepLabLargeFOV` scores the classes at each. An `AttentionToScale` layer,
    named `attention`, weighs the scores of the scales at each position, by the
    features `fc7` of all of them, and the sum is the output. Of the layers
    that all scales share, the feature maps of each scale are named
    `stage5_scale_1` and so on. What the attention weighs with is
    `keras_attn.explain.attention_maps(model, images)["attention"]`.

    Reference: Chen et al., "Attention to Scale: Scale-Aware Semantic Image
    Segmentation", CVPR 2016 (https://arxiv.org/abs/1511.03339). As there, all
    scales share all weights, and merge at the size of the finest one's
    scores, an eighth of the image's. `form="reference"` is a known PyTorch
    implementation instead: no ReLU after `fc7`; for each scale its own
    classifier, by 3x3 and with ReLU; sizes `floor(n s)`. With
    `attention_resolution="input"` besides it merges as that does, at the size
    of the image, for 61 times the arithmetic of the attention.

    Args:
        include_top: Whether to end in the merged scores. Without, there is a
            dict of the features of each scale. Defaults to `True`.
        weights: See `DeepLabLargeFOV`.
        input_tensor: Keras tensor to start from, such as the output of
            augmentation layers, or `None`.
        input_shape: Shape of an image in the order of
            `keras.config.image_data_format()`; any height and width, also
            `None` but for the form `"reference"`. Defaults to
            `(321, 321, 3)`. See `preprocess_input` for its values.
        pooling: Without top: `None` for feature maps, `"avg"` or `"max"` for
            vectors.
        classes: Number of classes. Defaults to `21`.
        classifier_activation: Activation of the top; `None` returns logits.
            Defaults to `"softmax"`.
        name: Name of the model. Defaults to `"deeplab_asc"`.
        scales: Two or more numbers in (0, 1], from the largest to the
            smallest. Defaults to `(1, 0.75, 0.5)`.
        merge: How scores are merged: `"attention"`, `"average"` or
            `"maximum"`. Defaults to `"attention"`.
        extra_supervision: Whether the model has the scores of each scale as
            further outputs, so that each is trained. The output is then a
            dict of `"merged"` and one name for each scale, as `"scale_0_5"`.
            Defaults to `False`.
        attention_resolution: Where attention and merging happen:
            `"feature"`, or `"input"` for the size of the image. Defaults to
            `"feature"`.
        attention_filters: Number of channels inside of the attention.
            Defaults to `512`.
        filters: Number of channels of `fc6` and `fc7`. Defaults to `1024`.
        dropout: Share of outputs that training sets to 0, after `fc6`, `fc7`
            and inside of the attention. Defaults to `0.5`.
        average_pooling: Whether a 3x3 average pooling follows `stage5`.
            Defaults to `False`.
        skips: What joins `fc7`, see `DeepLabLargeFOV`. Defaults to `()`.
        output_resolution: `"feature"`, or `"input"`: merged scores are brought
            to the size of the image before the activation. Defaults to
            `"feature"`.
        form: `"paper"` or `"reference"`. Defaults to `"paper"`.
        seed: Integer for the dropout, or `None`, see `DeepLabLargeFOV`.
            Defaults to `None`.

    Returns:
        A functional `keras.Model`: class probabilities
        `(batch, height, width, classes)`, the channels second if they are
        first, or a dict of these.

    Raises:
        ValueError: For any argument outside of the above.

    Example:

    >>> model = keras_attn.applications.DeepLabASC(
    ...     input_shape=(33, 33, 3), classes=3, filters=64,
    ...     attention_filters=16, extra_supervision=True,
    ... )
    >>> outputs = model.predict(np.zeros((1, 33, 33, 3)), verbose=0)
    >>> {name: tuple(y.shape) for name, y in sorted(outputs.items())}
    {'merged': (1, 5, 5, 3), 'scale_0_5': (1, 3, 3, 3), \
'scale_0_75': (1, 4, 4, 3), 'scale_1': (1, 5, 5, 3)}
    >>> loss = keras_attn.applications.deeplab.SegmentationCrossentropy()
    >>> model.compile(keras_attn.applications.deeplab.SGD(), loss)
    >>> masks = np.zeros((1, 33, 33), "uint8")
    >>> labels = dict.fromkeys(model.output, masks)
    >>> history = model.fit(np.zeros((1, 33, 33, 3)), labels, verbose=0)
    """
    arguments.check_top(include_top, pooling, classes, classifier_activation)
    arguments.check_weights(weights)
    graph.check_choice("output_resolution", output_resolution, graph.SIZES)
    graph.check_choice(
        "attention_resolution", attention_resolution, graph.SIZES
    )
    graph.check_choice("form", form, graph.FORMS)
    graph.check_skips(skips)
    names = graph.scale_names(scales)
    input_tensor = arguments.image_input(
        input_tensor, input_shape, (321, 321, 3)
    )
    backbone = graph.Backbone(
        filters, dropout, average_pooling, skips, form, seed
    )
    features = [
        backbone(graph.resized(input_tensor, scale, each, form), each)
        for scale, each in zip(scales, names, strict=True)
    ]
    if not include_top:
        outputs = {
            scale: blocks.pool_features(x, pooling, f"_{scale}")
            for scale, x in zip(names, features, strict=True)
        }
        return arguments.finish(input_tensor, outputs, name, weights)
    scores = graph.scores(features, names, classes, form)
    merged = _merge(
        AttentionToScale(
            merge, attention_filters, dropout, seed, name="attention"
        ),
        scores,
        features,
        input_tensor if attention_resolution == "input" else None,
    )
    if output_resolution == "input" and attention_resolution == "feature":
        merged = BilinearResizing(name="upsampled")(merged, like=input_tensor)
    activation = classifier_activation
    if not extra_supervision:
        outputs = graph.activate(merged, activation, "predictions")
        return arguments.finish(input_tensor, outputs, name, weights)
    outputs = {
        output: graph.activate(x, activation, output)
        for output, x in zip(("merged", *names), (merged, *scores), strict=True)
    }
    return arguments.finish(input_tensor, outputs, name, weights)


def _merge(layer, scores, features, like):
    """Merges scores at their own size, or at that of an image."""
    if like is not None:
        resizing = BilinearResizing(name="resized_to_input")
        scores = [resizing(x, like=like) for x in scores]
        features = [resizing(x, like=like) for x in features]
    if layer.merge != "attention":
        return layer(scores)
    return layer(scores, features=features)


def preprocess_input(x, data_format=None, mode="caffe"):
    """Brings images from [0, 255] to what the weights of a VGG16 expect.

    `"caffe"`: blue, green and red minus ImageNet's means (103.939, 116.779,
    123.68), in this order, as VGG16 and DeepLab were trained. `"torch"`:
    `(x / 255 - mean) / std` of red, green and blue, for torchvision's VGG16.

    Args:
        x: NumPy array or tensor of RGB images, values in [0, 255].
        data_format: `"channels_last"` or `"channels_first"`. Defaults to the
            Keras setting.
        mode: `"caffe"` or `"torch"`. Defaults to `"caffe"`.

    Returns:
        The images; a new float32 array for NumPy input.

    Raises:
        ValueError: If `mode` is neither, or if there are not three channels.

    Example:

    >>> x = np.full((1, 2, 2, 3), 255, "uint8")
    >>> y = keras_attn.applications.deeplab.preprocess_input(x, "channels_last")
    >>> y[0, 0, 0].round(3).tolist()
    [151.06100463867188, 138.2209930419922, 131.32000732421875]
    """
    graph.check_choice("mode", mode, ("caffe", "torch"))
    data_format = data_format or keras.config.image_data_format()
    axis = -3 if data_format == "channels_first" else -1
    if len(x.shape) not in (3, 4) or x.shape[axis] != 3:
        raise ValueError(
            "`x` must be RGB images, three channels at axis "
            f"{axis} with {data_format!r}. Received: x.shape={tuple(x.shape)}"
        )
    if isinstance(x, np.ndarray):
        # A copy, since Keras writes into what it is given.
        x = np.array(x, "float32")
    return keras.applications.imagenet_utils.preprocess_input(
        x, data_format, mode
    )
