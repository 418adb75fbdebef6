from collections.abc import Sequence
from math import inf
from typing import Any, Unpack

import keras
import numpy as np
from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments, FeatureMapLayer
from keras_attn.ops.interpolation import multiply
from keras_attn.ops.resampling import KERNELS, resampling_matrix


@keras.saving.register_keras_serializable(package="keras_attn")
class ImagePreparation(FeatureMapLayer):
    """Resizes, crops and normalises images as the evaluation of timm does.

    The shorter side is resized to `resize` pixels, and the longer one in
    proportion, rounded down. The centre is cropped to `height` x `width`, and
    `y = (x / 255 - mean) / std`. Resizing smooths, as Pillow does, but without
    rounding to whole grey levels. Height and width of the input may be unknown.

    Reference: `create_transform` of timm, with the crop modes "center" and
        "squash", and the presets of torchvision.

    Args:
        height: Height of the output.
        width: Width of the output.
        resize: Shorter side before the crop, or with `squash` the pair of
            height and width, which may change the aspect ratio.
        interpolation: `"bilinear"` or `"bicubic"`.
        mean: Mean of each channel, in [0, 1].
        std: Standard deviation of each channel, in [0, 1].
        **kwargs: `data_format` and `keras.layers.Layer` arguments. Computed in
            float32.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first; values in
        [0, 255].
    Output shape: The same with the new height and width.

    Raises:
        ValueError: If an argument is invalid.
    """

    def __init__(
        self,
        height: int,
        width: int,
        resize: int | Sequence[int],
        interpolation: str = "bicubic",
        mean: Sequence[float] = (0.5, 0.5, 0.5),
        std: Sequence[float] = (0.5, 0.5, 0.5),
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(**kwargs)
        self.height = checks.positive("height", height)
        self.width = checks.positive("width", width)
        is_pair = isinstance(resize, (list, tuple))
        self.resize = (
            checks.pair("resize", resize)
            if is_pair
            else checks.positive("resize", resize)
        )
        rows, columns = checks.pair("resize", self.resize)
        if rows < self.height or columns < self.width:
            raise ValueError(
                "`resize` must be at least `height` and `width`. "
                f"Received: resize={resize}, height={height}, width={width}"
            )
        self.interpolation = checks.one_of(
            "interpolation", interpolation, KERNELS
        )
        self.mean_values = _numbers("mean", mean)
        self.std_values = _numbers("std", std, above=0)
        if len(self.mean_values) != len(self.std_values):
            raise ValueError(
                "`mean` and `std` must have one number per channel. "
                f"Received: mean={mean}, std={std}"
            )

    def call(self, inputs: Tensor) -> Tensor:
        shape = ops.shape(inputs)
        sides = tuple(shape[axis] for axis in self.spatial_axes)
        x = self.widen(inputs)
        counts = self.height, self.width
        resized = self._resized(*sides)
        # Columns first, and clipped after each pass, as in Pillow.
        for k in (1, 0):
            extra = resized[k] - counts[k]
            # Half, rounded to the even integer, as `round` does.
            start = extra // 2 + (extra % 2) * ((extra // 2) % 2)
            matrix = resampling_matrix(
                sides[k], resized[k], start, counts[k], self.interpolation
            )
            matrix = ops.convert_to_tensor(matrix, x.dtype)
            x = ops.clip(multiply(matrix, x, self.spatial_axes[k]), 0, 255)
        shape = [1, 1, 1, 1]
        shape[self.channel_axis] = -1
        mean, std = (
            ops.convert_to_tensor(np.reshape(each, shape), x.dtype)
            for each in (self.mean_values, self.std_values)
        )
        return self.narrow((x / 255.0 - mean) / std)

    def _resized(self, height: Any, width: Any) -> tuple[Any, Any]:
        """Returns the size before the crop, of integers or tensors."""
        if not isinstance(self.resize, int):
            return self.resize
        static = isinstance(height, int) and isinstance(width, int)
        minimum = min if static else ops.minimum
        short = minimum(height, width)
        return self.resize * height // short, self.resize * width // short

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = list(input_shape)
        for axis, side in zip(
            self.spatial_axes, (self.height, self.width), strict=True
        ):
            shape[axis] = side
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        config = {
            "height": self.height,
            "width": self.width,
            "resize": self.resize,
            "interpolation": self.interpolation,
            "mean": self.mean_values,
            "std": self.std_values,
        }
        return {**super().get_config(), **config}


def _numbers(name: str, values: Any, above: float = -inf) -> tuple[float, ...]:
    if not isinstance(values, (list, tuple)) or not values:
        raise ValueError(
            f"`{name}` must be a list with one number per channel. "
            f"Received: {name}={values!r}"
        )
    return tuple(checks.number(name, each, above=above) for each in values)
