from typing import Any, Unpack

import keras

from keras_attn import backend, checks
from keras_attn.backend.protocol import Pair, Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments, FeatureMapLayer


@keras.saving.register_keras_serializable(package="keras_attn")
class MaxPooling2DWithIndices(FeatureMapLayer):
    """2D max pooling that also returns the index of each maximum.

    Computes `y = max x` over each window, and the index `row * width + column`
    of the maximum in its image and channel, without the padding. PyTorch's
    `MaxPool2d(return_indices=True)` returns the same, and
    `keras_attn.layers.MaxUnpooling2D` uses the indices to put values back.
    They are the "switches" of a DeconvNet. Of equal values, the first one
    counts, row by row. If windows overlap, several may share a maximum.

    Reference: Zeiler and Fergus, "Visualizing and Understanding Convolutional
        Networks", [ECCV 2014](https://arxiv.org/abs/1311.2901), section 2.1.

    Args:
        pool_size: Positive integer or a pair, the height and width of a window.
            Defaults to 2.
        strides: Positive integer or a pair, the step between windows, or `None`
            for `pool_size`. Defaults to `None`.
        padding: Integer or a pair, the number of pixels on each side, at most
            half of the window, as in PyTorch. They are never the maximum.
            Defaults to 0.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: A list of two such shapes, for the maxima and their indices
        (int32). `n` pixels become
        `floor((n + 2 padding - pool_size) / stride) + 1`.

    Raises:
        ValueError: If an argument is invalid, or if an image is smaller than a
            window.

    Example:

    >>> layer = keras_attn.layers.MaxPooling2DWithIndices(2)
    >>> x = np.array([[1.0, 3.0, 0.0, 5.0], [2.0, 0.0, 7.0, 6.0]])
    >>> pooled, indices = layer(x.reshape(1, 2, 4, 1))
    >>> [float(value) for value in pooled[0, 0, :, 0]]
    [3.0, 7.0]
    >>> [int(index) for index in indices[0, 0, :, 0]]
    [1, 6]
    """

    def __init__(
        self,
        pool_size: int | Pair = 2,
        strides: int | Pair | None = None,
        padding: int | Pair = 0,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(**kwargs)
        self.pool_size = checks.pair("pool_size", pool_size)
        strides = self.pool_size if strides is None else strides
        self.strides = checks.pair("strides", strides)
        self.padding = checks.pair("padding", padding, 0)
        sides = zip(self.padding, self.pool_size, strict=True)
        if any(2 * pixels > size for pixels, size in sides):
            raise ValueError(
                "`padding` must be at most half of `pool_size`, so that no "
                f"window lies inside it. Received: padding={padding}, "
                f"pool_size={pool_size}"
            )

    def build(self, input_shape: Shape) -> None:
        self._sizes(input_shape)

    def call(self, inputs: Tensor) -> list[Tensor]:
        return list(
            backend.max_pool_with_indices(
                inputs,
                self.pool_size,
                self.strides,
                self.padding,
                self.data_format,
            )
        )

    def _sizes(self, shape: Shape) -> list[int | None]:
        """Returns height and width of the outputs, `None` if unknown."""
        sides = [shape[axis] for axis in self.spatial_axes]
        rules = zip(
            sides, self.pool_size, self.strides, self.padding, strict=True
        )
        sizes = [
            None if side is None else (side + 2 * pixels - size) // stride + 1
            for side, size, stride, pixels in rules
        ]
        if any(size is not None and size < 1 for size in sizes):
            raise ValueError(
                "Padded images must be at least as large as a window. "
                f"Received: {tuple(sides)} pixels, "
                f"pool_size={self.pool_size}, padding={self.padding}"
            )
        return sizes

    def compute_output_shape(self, input_shape: Shape) -> Any:
        shape = list(input_shape)
        for axis, size in zip(
            self.spatial_axes, self._sizes(input_shape), strict=True
        ):
            shape[axis] = size
        return [tuple(shape), tuple(shape)]

    def compute_output_spec(self, inputs: Tensor) -> list[Tensor]:
        shape, _ = self.compute_output_shape(inputs.shape)
        return [
            keras.KerasTensor(shape, self.compute_dtype),
            keras.KerasTensor(shape, "int32"),
        ]

    def get_config(self) -> dict[str, Any]:
        config = {
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
        }
        return {**super().get_config(), **config}
