from typing import Any, Unpack

import keras
from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapLayer, LayerArguments


@keras.saving.register_keras_serializable(package="keras_attn")
class TenCrop(FeatureMapLayer):
    """Takes ten crops of each image: the corners, the centre and their mirrors.

    Computes `y[10 n + k] = x[n, a_k : a_k + height, b_k : b_k + width]`. For
    `k` from 0 to 4, these are the top left, top right, bottom left, bottom
    right and centre crops. For 5 to 9, they are the mirror images (left-right)
    of these five in the same order. The centre starts at half of the remaining
    pixels, rounded half to even (at 0, 2 and 2 for 1, 3 and 5 pixels). The
    prediction for an image is then the mean over its ten rows. Values of any
    range stay unchanged.

    Reference: Zeiler and Fergus, "Visualizing and Understanding Convolutional
        Networks", [ECCV 2014](https://arxiv.org/abs/1311.2901), section 3,
        who train with these crops, of 224 x 224 out of 256 x 256. The first
        five are the same as in torchvision's `ten_crop`, which mirrors the
        image before cropping. In its last five, left and right crops are
        exchanged, and the centre is one column off if an odd number of columns
        remains.

    Args:
        height: Positive integer, the height of a crop in pixels.
        width: Positive integer, the width of a crop in pixels.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to the
            Keras setting.
        **kwargs: `keras.layers.Layer` arguments. Floats are cast to the compute
            dtype, and integers keep their dtype.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first, at least as large
        as a crop. Height and width may only be known at run time.
    Output shape: `(batch * 10, height, width, channels)`, or
        `(batch * 10, channels, height, width)`, with the size of a crop.

    Raises:
        ValueError: If `height` or `width` is not a positive integer, or if an
            image is smaller than a crop.

    Example:

    >>> layer = keras_attn.layers.TenCrop(1, 2, data_format="channels_last")
    >>> x = np.arange(4.0).reshape(1, 1, 4, 1)
    >>> crops = layer(x)
    >>> tuple(crops.shape)
    (10, 1, 2, 1)
    >>> [[int(value) for value in crop] for crop in crops[:, 0, :, 0]][3:7]
    [[2, 3], [1, 2], [1, 0], [3, 2]]
    """

    def __init__(
        self,
        height: int,
        width: int,
        data_format: str | None = None,
        **kwargs: Unpack[LayerArguments],
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.height = checks.positive("height", height)
        self.width = checks.positive("width", width)

    def build(self, input_shape: Shape) -> None:
        self._check_size(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        shape = ops.shape(inputs)
        self._check_size(shape)
        height, width = (shape[axis] for axis in self.spatial_axes)
        bottom, right = height - self.height, width - self.width
        middle = _half(bottom), _half(right)
        corners = (0, 0), (0, right), (bottom, 0), (bottom, right)
        crops = [self._crop(inputs, *start) for start in (*corners, middle)]
        mirrored = [ops.flip(x, self.spatial_axes[1]) for x in crops]
        # Not -1 for the batch: if an image is too small, its smaller crops
        # could be reshaped to a smaller number of full crops.
        size = (shape[0] * 10, *self._crop_shape(shape)[1:])
        return ops.reshape(ops.stack(crops + mirrored, axis=1), size)

    def _crop(
        self, inputs: Tensor, top: int | Tensor, left: int | Tensor
    ) -> Tensor:
        rows = slice(top, top + self.height)
        columns = slice(left, left + self.width)
        if self.data_format == "channels_first":
            return inputs[:, :, rows, columns]
        return inputs[:, rows, columns]

    def _check_size(self, shape: Shape) -> None:
        size = tuple(shape[axis] for axis in self.spatial_axes)
        for side, least in zip(size, (self.height, self.width), strict=True):
            # On TensorFlow, unknown sides are tensors.
            if isinstance(side, int) and side < least:
                raise ValueError(
                    "Images must be at least as large as a crop, "
                    f"{self.height} x {self.width} pixels. Received: images of "
                    f"size {size}"
                )

    def _crop_shape(self, shape: Shape) -> Shape:
        sides = list(shape)
        for axis, side in zip(
            self.spatial_axes, (self.height, self.width), strict=True
        ):
            sides[axis] = side
        return tuple(sides)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check_size(input_shape)
        batch, *others = self._crop_shape(input_shape)
        return (None if batch is None else batch * 10, *others)

    def compute_output_spec(self, inputs: Tensor) -> Tensor:
        shape = self.compute_output_shape(inputs.shape)
        return keras.KerasTensor(shape, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        config = {"height": self.height, "width": self.width}
        return {**super().get_config(), **config}


def _half(pixels: int | Tensor) -> int | Tensor:
    """Returns `round(pixels / 2)`, which rounds half to even.

    Uses integers, since `round` does not support TensorFlow's tensors.
    """
    half = pixels // 2
    return half + (pixels % 2) * (half % 2)
