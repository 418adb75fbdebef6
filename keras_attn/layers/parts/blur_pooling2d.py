from typing import Any

import keras
from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_attn")
class BlurPooling2D(keras.layers.Layer):
    """Halves the height and width after a blur, without weights.

    Computes `y[i] = x[2 i - 1] / 4 + x[2 i] / 2 + x[2 i + 1] / 4` along height
    and width. Images are reflected at their edges, so `x[-1]` is `x[1]`. A side
    of `n` pixels becomes `(n + 1) // 2`, and a side of 1 does not change.

    Reference: Zhang, "Making Convolutional Networks Shift-Invariant Again",
    ICML 2019 (https://arxiv.org/abs/1904.11486), with the filter of size 3.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. Defaults to the
            Keras setting.
        **kwargs: `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: The same with half the height and width, rounded up.
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = checks.one_of(
            "data_format",
            data_format or keras.config.image_data_format(),
            ("channels_last", "channels_first"),
        )
        first = self.data_format == "channels_first"
        self.spatial_axes = (2, 3) if first else (1, 2)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs: Tensor) -> Tensor:
        for axis in self.spatial_axes:
            inputs = _blur(inputs, axis)
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(
            (side + 1) // 2 if axis in self.spatial_axes and side else side
            for axis, side in enumerate(input_shape)
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


def _blur(images: Tensor, axis: int) -> Tensor:
    """Blurs along an axis and takes every second pixel."""

    def cut(tensor: Tensor, start: int, stop: int | None, step: int) -> Tensor:
        return tensor[(slice(None),) * axis + (slice(start, stop, step),)]

    # The first and the last two pixels reversed, so that a single pixel, which
    # has no neighbour, is its own. Exporters would keep a case for it.
    starts = [cut(images, 1, 2, 1), cut(images, 0, 1, 1)]
    ends = [cut(images, -1, None, 1), cut(images, -2, -1, 1)]
    start = cut(ops.concatenate(starts, axis), 0, 1, 1)
    end = cut(ops.concatenate(ends, axis), -1, None, 1)
    padded = ops.concatenate([start, images, end], axis)
    return (
        0.25 * cut(padded, 0, -2, 2)
        + 0.5 * cut(padded, 1, -1, 2)
        + 0.25 * cut(padded, 2, None, 2)
    )
