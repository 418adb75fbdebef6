"""Loss and metric for semantic segmentation."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_attn import checks
from keras_attn.ops.interpolation import nearest


@keras.saving.register_keras_serializable(package="keras_attn")
class SegmentationCrossentropy(keras.losses.Loss):
    """Cross-entropy of labelled pixels, at the resolution of the scores.

    `sum_i w_c(i) (-log p_i,c(i)) / sum_i w_c(i)`, over the pixels `i` of the
    batch that have a label `c(i)`. Labels are resized to the size of the
    scores by nearest neighbours with aligned corners. For 321 x 321 labels
    and 41 x 41 scores, this selects every eighth label.

    One loss can train all outputs of a model with extra supervision. Use
    `model.compile(loss=SegmentationCrossentropy())` with the labels
    `dict.fromkeys(model.output, masks)`.

    Reference: Chen et al., "Attention to Scale: Scale-Aware Semantic Image
    Segmentation", CVPR 2016 (https://arxiv.org/abs/1511.03339). The loss is
    normalised as in PyTorch's `CrossEntropyLoss`.

    Args:
        from_logits: Whether the scores are logits. Defaults to `False`.
        ignore_label: Integer, the label of pixels to ignore. Defaults to
            `255`.
        class_weights: Sequence of the weight `w` of each class, or `None` for
            ones. Defaults to `None`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to the
            Keras setting.
        name: Name of the loss. Defaults to `"segmentation_crossentropy"`.
        **kwargs: Arguments of `keras.losses.Loss`, except for another
            `reduction`, since only the mean has this normalisation.

    Raises:
        ValueError: If another `reduction` is requested.

    Call arguments:
        y_true: Labels `(batch, height, width)`, or with an additional channel
            axis of size 1. A label that is neither a class nor `ignore_label`
            makes the loss NaN.
        y_pred: Scores `(batch, height, width, classes)`, or
            `(batch, classes, height, width)` if channels are first.

    Example:

    >>> loss = keras_attn.applications.deeplab.SegmentationCrossentropy()
    >>> scores = np.full((1, 1, 2, 4), 0.25)
    >>> round(float(loss(np.array([[[3, 255]]]), scores)), 4)
    1.3863
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_label: int = 255,
        class_weights: Sequence[float] | None = None,
        data_format: str | None = None,
        name: str = "segmentation_crossentropy",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        if self.reduction != "sum_over_batch_size":
            raise ValueError(
                "`reduction` must be 'sum_over_batch_size', the mean over "
                f"labelled pixels. Received: reduction={self.reduction!r}"
            )
        self.from_logits = from_logits
        self.ignore_label = ignore_label
        if class_weights is not None:
            class_weights = [
                checks.number("class_weights", weight, least=0)
                for weight in class_weights
            ]
        self.class_weights = class_weights
        self.data_format = data_format or keras.config.image_data_format()

    def call(self, y_true: Any, y_pred: Any) -> Any:
        scores = ops.cast(y_pred, "float32")
        if self.data_format == "channels_first":
            scores = ops.transpose(scores, (0, 2, 3, 1))
        labels = _labels_like(y_true, scores, self.data_format)
        classes = scores.shape[3]
        if self.from_logits:
            logs = ops.log_softmax(scores, axis=3)
        else:
            epsilon = keras.config.epsilon()
            logs = ops.log(ops.clip(scores, epsilon, 1.0))
        counts = ops.not_equal(labels, self.ignore_label)
        known = ops.logical_and(labels >= 0, labels < classes)
        chosen = ops.one_hot(ops.where(known, labels, 0), classes)
        losses = -ops.sum(chosen * logs, axis=3)
        weights = ops.cast(counts, "float32")
        if self.class_weights is not None:
            own = _weights(self.class_weights, classes)
            weights = weights * ops.sum(chosen * own, axis=3)
        wrong = ops.logical_and(counts, ops.logical_not(known))
        losses = ops.where(wrong, float("nan"), losses) * weights
        # Keras averages over all pixels. This makes it a weighted mean.
        pixels = ops.cast(ops.size(weights), "float32")
        total = ops.sum(weights)
        return losses * (pixels / ops.where(total > 0, total, 1.0))

    def get_config(self) -> dict[str, Any]:
        config = {
            "from_logits": self.from_logits,
            "ignore_label": self.ignore_label,
            "class_weights": self.class_weights,
            "data_format": self.data_format,
        }
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable(package="keras_attn")
class MeanIoU(keras.metrics.MeanIoU):
    """Mean intersection over union, at the resolution of the scores.

    Computes `mean_c TP_c / (TP_c + FP_c + FN_c)` of all pixels seen so far,
    over the classes that occur among labels or predictions. Unlike
    `keras.metrics.MeanIoU`, it accepts labels that are larger than the
    scores, and samples them as `SegmentationCrossentropy` does. To measure at
    the size of the labels, as benchmarks do, use a model with
    `output_resolution="input"`.

    Args:
        num_classes: Positive integer, the number of classes.
        ignore_label: Integer, the label of pixels to ignore. Defaults to
            `255`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to the
            Keras setting.
        name: Name of the metric. Defaults to `"mean_iou"`.
        dtype: Dtype of the result, or `None` for the Keras setting. Defaults
            to `None`.

    Call arguments:
        y_true: Labels `(batch, height, width)`, or with an additional channel
            axis of size 1.
        y_pred: Scores `(batch, height, width, classes)`, or
            `(batch, classes, height, width)` if channels are first.

    Example:

    >>> metric = keras_attn.applications.deeplab.MeanIoU(num_classes=2)
    >>> scores = np.array([[[[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]]])
    >>> metric.update_state(np.array([[[0, 1, 0]]]), scores)
    >>> float(metric.result())
    0.5
    """

    def __init__(
        self,
        num_classes: int,
        ignore_label: int = 255,
        data_format: str | None = None,
        name: str = "mean_iou",
        dtype: Any = None,
    ):
        super().__init__(
            checks.positive("num_classes", num_classes),
            name=name,
            dtype=dtype,
            ignore_class=ignore_label,
            sparse_y_pred=True,
        )
        self.ignore_label = ignore_label
        self.data_format = data_format or keras.config.image_data_format()

    def update_state(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        if self.data_format == "channels_first":
            y_pred = ops.transpose(y_pred, (0, 2, 3, 1))
        labels = _labels_like(y_true, y_pred, self.data_format)
        known = ops.logical_and(labels >= 0, labels < self.num_classes)
        counts = ops.logical_and(known, labels != self.ignore_label)
        labels = ops.where(counts, labels, 0)
        weights = ops.cast(counts, "float32")
        if sample_weight is not None:
            sample_weight = ops.cast(sample_weight, "float32")
            missing = 3 - len(sample_weight.shape)
            axes = tuple(range(-missing, 0))
            weights = weights * ops.expand_dims(sample_weight, axes)
        # Keras' own counting requests 64 bits, for which JAX prints a warning.
        classes = self.num_classes
        true = ops.one_hot(ops.reshape(labels, (-1,)), classes)
        predicted = ops.reshape(ops.argmax(y_pred, axis=3), (-1,))
        predicted = ops.one_hot(predicted, classes)
        true = true * ops.reshape(weights, (-1, 1))
        matrix = ops.matmul(ops.transpose(true), predicted)
        self.total_cm.assign_add(ops.cast(matrix, self.total_cm.dtype))

    def get_config(self) -> dict[str, Any]:
        config = keras.metrics.Metric.get_config(self)
        return {
            **config,
            "num_classes": self.num_classes,
            "ignore_label": self.ignore_label,
            "data_format": self.data_format,
        }


def _weights(class_weights: Sequence[float], classes: int) -> Any:
    if len(class_weights) != classes:
        raise ValueError(
            f"`class_weights` must hold one weight for each of {classes} "
            "classes. "
            f"Received: class_weights={class_weights}"
        )
    return ops.convert_to_tensor(class_weights, "float32")


def _labels_like(labels: Any, scores: Any, data_format: str) -> Any:
    """Resizes labels to `(batch, height, width)` of the scores."""
    labels = ops.cast(labels, "int32")
    if len(labels.shape) == 4:
        labels = ops.squeeze(
            labels, 1 if data_format == "channels_first" else 3
        )
    if len(labels.shape) != 3 or len(scores.shape) != 4:
        raise ValueError(
            "Labels must have the shape (batch, height, width), and scores "
            f"one more axis. Received: y_true of shape {tuple(labels.shape)}, "
            f"y_pred of shape {tuple(scores.shape)}"
        )
    return nearest(labels, ops.shape(scores)[1:3])
