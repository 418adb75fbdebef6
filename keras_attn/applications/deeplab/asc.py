"""DeepLab with attention to scale."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_attn import checks
from keras_attn.applications.common import arguments, blocks
from keras_attn.applications.deeplab import graph
from keras_attn.layers import AttentionToScale, BilinearResizing


def DeepLabASC(
    include_top: bool = True,
    weights: arguments.Weights = None,
    input_tensor: Any = None,
    input_shape: arguments.InputShape = None,
    pooling: str | None = None,
    classes: int = 21,
    classifier_activation: arguments.Activation = "softmax",
    name: str = "deeplab_asc",
    *,
    scales: Sequence[float] = (1, 0.75, 0.5),
    merge: str = "attention",
    extra_supervision: bool = False,
    attention_resolution: str = "feature",
    attention_filters: int = 512,
    filters: int = 1024,
    dropout: float = 0.5,
    average_pooling: bool = False,
    skips: Sequence[str] = (),
    output_resolution: str = "feature",
    form: str = "paper",
    seed: int | None = None,
) -> keras.Model:
    """DeepLab with attention to scale.

    The image is resized to each scale `s`, from `n` to `(n - 1) s + 1`
    pixels, and one `DeepLabLargeFOV` computes class scores for each. An
    `AttentionToScale` layer named `attention` weights the scores of the scales
    at each position, using the features `fc7` of all scales. The output is
    the weighted sum.

    All scales share the layers of the backbone. The feature maps of each
    scale are named `stage5_scale_1` and so on. Use
    `keras_attn.explain.attention_maps(model, images)["attention"]` to obtain
    the attention weights.

    Reference: Chen et al., "Attention to Scale: Scale-Aware Semantic Image
    Segmentation", CVPR 2016 (https://arxiv.org/abs/1511.03339). As in the
    paper, all scales share all weights, and are merged at the size of the
    finest scores, an eighth of the image size. `form="reference"` follows a
    known PyTorch implementation instead, which has no ReLU after `fc7`, a
    separate 3x3 classifier with ReLU for each scale, and sizes `floor(n s)`.
    Like that implementation, `attention_resolution="input"` merges at the
    image size. The attention then takes 61 times as many operations.

    Args:
        include_top: Whether to output the merged scores. Otherwise the output
            is a dict of the features of each scale. Defaults to `True`.
        weights: See `DeepLabLargeFOV`.
        input_tensor: Keras tensor to use as input, such as the output of
            augmentation layers, or `None`.
        input_shape: Shape of an image in the order of
            `keras.config.image_data_format()`, with any height and width.
            They may be `None`, except for the form `"reference"`. Defaults to
            `(321, 321, 3)`. See `preprocess_input` for the range of values.
        pooling: Without the top, `None` for feature maps, or `"avg"` or
            `"max"` for vectors.
        classes: Number of classes. Defaults to `21`.
        classifier_activation: Activation of the top; `None` returns logits.
            Defaults to `"softmax"`.
        name: Name of the model. Defaults to `"deeplab_asc"`.
        scales: Two or more numbers in (0, 1], from the largest to the
            smallest. Defaults to `(1, 0.75, 0.5)`.
        merge: How scores are merged: `"attention"`, `"average"` or
            `"maximum"`. Defaults to `"attention"`.
        extra_supervision: Whether to add the scores of each scale as further
            outputs, so that each scale is trained. The output is then a dict
            with `"merged"` and one name per scale, such as `"scale_0_5"`.
            Defaults to `False`.
        attention_resolution: Resolution of attention and merging:
            `"feature"`, or `"input"` for the image size. Defaults to
            `"feature"`.
        attention_filters: Number of channels inside the attention. Defaults
            to `512`.
        filters: Number of channels of `fc6` and `fc7`. Defaults to `1024`.
        dropout: Dropout rate after `fc6` and `fc7` and inside the attention.
            Defaults to `0.5`.
        average_pooling: Whether a 3x3 average pooling follows `stage5`.
            Defaults to `False`.
        skips: Sources of skip connections to `fc7`, see `DeepLabLargeFOV`.
            Defaults to `()`.
        output_resolution: `"feature"`, or `"input"` to resize merged scores
            to the image size before the activation. Defaults to `"feature"`.
        form: `"paper"` or `"reference"`. Defaults to `"paper"`.
        seed: Non-negative integer that seeds the dropout, or `None`, see
            `DeepLabLargeFOV`. Defaults to `None`.

    Returns:
        A functional `keras.Model`. It outputs class probabilities
        `(batch, height, width, classes)`, or
        `(batch, classes, height, width)` if channels are first, or a dict of
        such outputs.

    Raises:
        ValueError: If an argument is invalid.

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
    top = arguments.Top(include_top, pooling, classes, classifier_activation)
    arguments.check_weights(weights)
    checks.one_of("output_resolution", output_resolution, graph.SIZES)
    checks.one_of("attention_resolution", attention_resolution, graph.SIZES)
    attention_filters = checks.positive("attention_filters", attention_filters)
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
    scores = graph.scores(features, names, top.classes, form)
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
        outputs = blocks.activate(merged, activation)
        return arguments.finish(input_tensor, outputs, name, weights)
    outputs = {
        output: blocks.activate(x, activation, output)
        for output, x in zip(("merged", *names), (merged, *scores), strict=True)
    }
    return arguments.finish(input_tensor, outputs, name, weights)


def _merge(
    layer: AttentionToScale, scores: list[Any], features: list[Any], like: Any
) -> Any:
    """Merges scores at their own size, or at the size of `like`."""
    if like is not None:
        resizing = BilinearResizing(name="resized_to_input")
        scores = [resizing(x, like=like) for x in scores]
        features = [resizing(x, like=like) for x in features]
    if layer.merge != "attention":
        return layer(scores)
    return layer(scores, features=features)
