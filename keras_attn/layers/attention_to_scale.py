from collections.abc import Sequence
from typing import Any, Unpack

import keras
from keras import ops

from keras_attn import backend, checks
from keras_attn.backend.protocol import Shape, Sides, Tensor
from keras_attn.layers.base import FeatureMapArguments, FeatureMapLayer, Names
from keras_attn.layers.parts.conv2d import Conv2D
from keras_attn.layers.parts.initializers import FanOutNormal, Normal
from keras_attn.ops.interpolation import resize

_MERGES = ("attention", "average", "maximum")


@keras.saving.register_keras_serializable(package="keras_attn")
class AttentionToScale(FeatureMapLayer):
    """Attention to scale: merges score maps of several scales, pixel by pixel.

    Computes `h = conv1x1(dropout(relu(conv3x3([x_1, .., x_S]))))` from the
    features `x` of all S scales, `w_is = exp(h_is) / sum_t exp(h_it)`, one
    weight per position `i` and scale `s`, and `g_ic = sum_s w_is f_ics`, where
    `f` are the scores of the classes `c`. The merges `"average"` and
    `"maximum"` are the baselines of the paper, `mean_s f_ics` and
    `max_s f_ics`, which have no weights.

    Reference: Chen et al., "Attention to Scale: Scale-Aware Semantic Image
    Segmentation", CVPR 2016 (https://arxiv.org/abs/1511.03339), equations 1
    and 2. The dropout follows a known implementation. As there, maps are
    resized to the size of the first scale, bilinearly with aligned corners.
    Softmax and sums are computed in float32.

    Args:
        merge: `"attention"`, `"average"` or `"maximum"`. Defaults to
            `"attention"`.
        filters: Positive integer, the channels of the 3x3 convolution.
            Defaults to `512`.
        dropout: Number in [0, 1), the fraction of its outputs that are set to
            0 in training. Defaults to `0.5`.
        seed: Integer for the dropout, or `None` to follow
            `keras.utils.set_random_seed`. Defaults to `None`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Call arguments:
        inputs: List of score maps, one per scale, of any sizes.
        features: List of feature maps for `h`, one per scale, of any sizes.
            Defaults to the score maps.

    Input shape: A list of `(batch, height, width, classes)`, or
        `(batch, classes, height, width)` if channels first.
    Output shape: Same as the first input.

    Raises:
        ValueError: If an argument is invalid, if there are fewer than two
            scales, if their numbers of classes differ, or if the number of
            features is not the number of scales.

    Example:

    >>> layer = keras_attn.layers.AttentionToScale(filters=8)
    >>> scores = [np.ones((2, 9, 9, 5)), np.ones((2, 5, 5, 5))]
    >>> features = [np.ones((2, 9, 9, 16)), np.ones((2, 5, 5, 16))]
    >>> tuple(layer(scores, features=features).shape)
    (2, 9, 9, 5)
    >>> tuple(layer.attention(scores, features=features).shape)
    (2, 9, 9, 2)
    """

    def __init__(
        self,
        merge: str = "attention",
        filters: int = 512,
        dropout: float = 0.5,
        seed: int | None = None,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(**kwargs)
        self.merge = checks.one_of("merge", merge, _MERGES)
        self.filters = checks.positive("filters", filters)
        self.dropout = checks.share("dropout", dropout)
        self.seed = seed
        self.input_spec = None
        if merge == "attention":
            common = {
                "data_format": self.data_format,
                "dtype": self.dtype_policy,
            }
            self.hidden = Conv2D(
                filters,
                3,
                padding="same",
                activation="relu",
                kernel_initializer=FanOutNormal(),
                name="hidden",
                **common,
            )
            self.drop = keras.layers.Dropout(
                dropout, seed=seed, dtype=self.dtype_policy, name="dropout"
            )

    def build(
        self,
        inputs_shape: Sequence[Shape],
        features_shape: Sequence[Shape] | None = None,
    ) -> None:
        self._check(inputs_shape, features_shape)
        if self.merge != "attention":
            return
        shapes = inputs_shape if features_shape is None else features_shape
        shape = list(inputs_shape[0])
        shape[self.channel_axis] = sum(map(self.static_channels, shapes))
        self.hidden.build(tuple(shape))
        self.logits = Conv2D(
            len(inputs_shape),
            1,
            kernel_initializer=Normal(0.01),
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name="logits",
        )
        self.logits.build(self.hidden.compute_output_shape(tuple(shape)))

    def call(
        self,
        inputs: Sequence[Tensor],
        features: Sequence[Tensor] | None = None,
        training: bool = False,
    ) -> Tensor:
        size = self._size(inputs)
        maps = [self._resize(self.widen(each), size) for each in inputs]
        if self.merge == "maximum":
            stacked = ops.stack(maps, axis=4)
            merged = backend.largest(stacked, (4,))
        elif self.merge == "average":
            merged = sum(maps) / len(maps)
        else:
            weights = self._weights(inputs, features, training)
            weights = ops.split(weights, len(maps), axis=3)
            if self.data_format == "channels_first":
                weights = [ops.transpose(w, (0, 3, 1, 2)) for w in weights]
            merged = sum(w * x for w, x in zip(weights, maps, strict=True))
        return self.narrow(merged)

    def attention(
        self, inputs: Sequence[Tensor], features: Sequence[Tensor] | None = None
    ) -> Tensor:
        """Returns the weights of the scales in inference.

        They are `(batch, height, width, scales)` in either data format, in
        float32, and sum to 1 over the scales. With `"average"` all weights are
        equal. With `"maximum"` they are the fractions of the classes whose
        maximum is in each scale.
        """

        def convert(maps: Sequence[Tensor]) -> list[Tensor]:
            return [ops.convert_to_tensor(x, self.compute_dtype) for x in maps]

        inputs = convert(inputs)
        features = None if features is None else convert(features)
        if not self.built:
            self.build(
                [tuple(x.shape) for x in inputs],
                None
                if features is None
                else [tuple(x.shape) for x in features],
            )
        if self.merge == "attention":
            return self._weights(inputs, features, training=False)
        size, axis = self._size(inputs), self.channel_axis
        maps = [self._resize(self.widen(each), size) for each in inputs]
        if self.merge == "average":
            ones = ops.ones_like(ops.max(maps[0], axis=axis))
            return ops.stack([ones / len(maps)] * len(maps), axis=3)
        largest = ops.argmax(ops.stack(maps, axis=4), axis=4)
        taken = ops.one_hot(largest, len(maps), axis=4, dtype="float32")
        return ops.mean(taken, axis=axis)

    def _weights(
        self,
        inputs: Sequence[Tensor],
        features: Sequence[Tensor] | None,
        training: bool,
    ) -> Tensor:
        """Returns the weights, channels last, in float32."""
        features = inputs if features is None else features
        size = self._size(inputs)
        seen = [
            self.narrow(self._resize(self.widen(x), size)) for x in features
        ]
        x = self.hidden(ops.concatenate(seen, axis=self.channel_axis))
        x = self.widen(self.logits(self.drop(x, training=training)))
        if self.data_format == "channels_first":
            x = ops.transpose(x, (0, 2, 3, 1))
        return ops.softmax(x, axis=3)

    def _size(self, inputs: Sequence[Tensor]) -> Sides:
        shape = ops.shape(inputs[0])
        return tuple(shape[axis] for axis in self.spatial_axes)

    def _resize(self, maps: Tensor, size: Sides) -> Tensor:
        return resize(maps, size, True, self.spatial_axes)

    def _check(
        self, inputs: Sequence[Shape], features: Sequence[Shape] | None
    ) -> None:
        """Checks the shapes of score maps and features."""
        are_lists = isinstance(inputs, (list, tuple)) and all(
            isinstance(shape, (list, tuple)) and len(shape) == 4
            for shape in inputs
        )
        if not are_lists or len(inputs) < 2:
            raise ValueError(
                "The inputs must be a list of 4D score maps of two scales or "
                f"more. Received: shapes {inputs}"
            )
        classes = {shape[self.channel_axis] for shape in inputs}
        if len(classes) > 1:
            raise ValueError(
                "The score maps of all scales must have the same classes "
                f"(axis {self.channel_axis} with {self.data_format!r}). "
                f"Received: shapes {[tuple(shape) for shape in inputs]}"
            )
        if features is not None and len(features) != len(inputs):
            raise ValueError(
                "There must be as many features as score maps. Received: "
                f"{len(features)} features and {len(inputs)} score maps"
            )

    # Keras requires these names, after the arguments of `call`.
    def compute_output_shape(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        inputs_shape: Sequence[Shape],
        features_shape: Sequence[Shape] | None = None,
    ) -> Shape:
        self._check(inputs_shape, features_shape)
        return tuple(inputs_shape[0])

    @property
    def torch_names(self) -> Names:
        if self.merge != "attention":
            return {}
        return {
            "0.0.weight": ("hidden.kernel", "conv"),
            "0.0.bias": ("hidden.bias", "same"),
            "2.weight": ("logits.kernel", "conv"),
            "2.bias": ("logits.bias", "same"),
        }

    def get_config(self) -> dict[str, Any]:
        config = {
            "merge": self.merge,
            "filters": self.filters,
            "dropout": self.dropout,
            "seed": self.seed,
        }
        return {**super().get_config(), **config}
