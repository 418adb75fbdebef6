from typing import Any

import keras

from keras_attn import backend
from keras_attn.backend.protocol import Padding, Pair, Shape, Tensor
from keras_attn.layers.parts.conv2d import padded_shape


@keras.saving.register_keras_serializable(package="keras_attn")
class MaxPooling2D(keras.layers.MaxPooling2D):
    """2D max pooling: `keras.layers.MaxPooling2D`, with padding in pixels.

    On PyTorch it takes a fraction of the time with channels last or without a
    gradient. `padding` may also be an integer, the number of pixels on each
    side, which are never the maximum, as in PyTorch. With a stride of 2, this
    differs from Keras' `"same"`.
    """

    def __init__(
        self,
        pool_size: int | Pair = 2,
        strides: int | Pair | None = None,
        padding: Padding = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ):
        self.pixels = padding if isinstance(padding, int) else None
        named = "valid" if self.pixels is not None else padding
        super().__init__(pool_size, strides, named, data_format, **kwargs)

    def call(self, inputs: Tensor) -> Tensor:
        return backend.max_pool(
            inputs,
            self.pool_size,
            self.strides,
            self.padding if self.pixels is None else self.pixels,
            self.data_format,
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = padded_shape(input_shape, self.pixels, self.data_format)
        return super().compute_output_shape(shape)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.pixels is not None:
            config["padding"] = self.pixels
        return config
