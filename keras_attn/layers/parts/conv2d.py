from typing import Any

import keras
from keras import ops

from keras_attn import backend
from keras_attn.backend.protocol import Padding, Pair, Shape, Tensor
from keras_attn.ops.precision import as_floats

# From this number of pixels on, a matrix product over patches is faster.
_LEAST_OF_A_PATCH = 16


@keras.saving.register_keras_serializable(package="keras_attn")
class Conv2D(keras.layers.Conv2D):
    """2D convolution: `keras.layers.Conv2D` without its copies on PyTorch.

    Arguments, weights and results are those of the Keras layer. The models of
    this package use it. On PyTorch, images keep their memory layout, and the
    bias is added inside the convolution. `padding` may also be an integer, the
    number of zero pixels on each side, as in PyTorch. With a stride of 2, this
    differs from Keras' `"same"`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Pair,
        strides: int | Pair = 1,
        padding: Padding = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ):
        self.pixels = padding if isinstance(padding, int) else None
        named = "valid" if self.pixels is not None else padding
        super().__init__(
            filters, kernel_size, strides, named, data_format, **kwargs
        )

    def call(self, inputs: Tensor) -> Tensor:
        outputs = self.convolve(
            inputs, self.kernel, self.bias if self.use_bias else None
        )
        if self.activation is keras.activations.relu:
            return backend.rectify(outputs)
        return outputs if self.activation is None else self.activation(outputs)

    def convolve(
        self, inputs: Tensor, kernel: Tensor, bias: Tensor | None
    ) -> Tensor:
        """Applies the convolution of this layer with the given weights."""
        inputs = as_floats(inputs, self.compute_dtype)
        if self._takes_patches(inputs.shape):
            return self._of_patches(inputs, kernel, bias)
        return backend.convolve(
            inputs,
            kernel,
            bias,
            self.strides,
            self.padding if self.pixels is None else self.pixels,
            self.dilation_rate,
            self.data_format,
        )

    def _takes_patches(self, shape: Shape) -> bool:
        """Returns whether the images have a known size and disjoint patches."""
        first = self.data_format == "channels_first"
        rows, columns = self.kernel_size
        return (
            self.kernel_size == self.strides
            and rows * columns >= _LEAST_OF_A_PATCH
            and self.padding == "valid"
            and not self.pixels
            and self.groups == 1
            and None not in (shape[2:] if first else shape[1:3])
        )

    def _of_patches(
        self, inputs: Tensor, kernel: Tensor, bias: Tensor | None
    ) -> Tensor:
        """Multiplies each patch by the kernel, which yields the same sums.

        For kernels of this size, compilers generate a gradient with many
        steps, and PyTorch copies the kernel to another layout every time.
        """
        first = self.data_format == "channels_first"
        kernel = ops.convert_to_tensor(kernel)
        bias = None if bias is None else ops.convert_to_tensor(bias)
        if first:
            inputs = ops.transpose(inputs, (0, 2, 3, 1))
        height, width, channels = inputs.shape[1:]
        rows, columns = self.kernel_size
        down, across = height // rows, width // columns
        x = inputs[:, : down * rows, : across * columns]
        x = ops.reshape(x, (-1, down, rows, across, columns, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        x = ops.reshape(x, (-1, down * across, rows * columns * channels))
        kernel = ops.reshape(kernel, (rows * columns * channels, self.filters))
        y = backend.linear(x, kernel, bias)
        y = ops.reshape(y, (-1, down, across, self.filters))
        return ops.transpose(y, (0, 3, 1, 2)) if first else y

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = padded_shape(input_shape, self.pixels, self.data_format)
        return super().compute_output_shape(shape)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.pixels is not None:
            config["padding"] = self.pixels
        return config


def padded_shape(shape: Shape, pixels: int | None, data_format: str) -> Shape:
    """Returns the shape of a batch of images with padding in pixels."""
    axes = (2, 3) if data_format == "channels_first" else (1, 2)
    return tuple(
        side + 2 * pixels if pixels and axis in axes and side else side
        for axis, side in enumerate(shape)
    )
