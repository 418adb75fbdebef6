from typing import Any, Unpack

import keras
from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapLayer, LayerArguments


@keras.saving.register_keras_serializable(package="keras_attn")
class TenCrop(FeatureMapLayer):
    """Cuts ten crops out of each image: four corners, centre, mirror images.

    `y[10 n + k] = x[n, a_k : a_k + height, b_k : b_k + width]`: top left, top
    right, bottom left, bottom right and centre for `k` from 0 to 4, and for 5
    to 9 the mirror images (left-right) of these five, in the same order. The
    centre starts at half of the pixels that are left over, rounded to the even
    neighbour: at 0, 2 and 2 of 1, 3 and 5. What a network says of an image is
    then the mean over its ten rows. Values are left as they are, whatever
    their range.

    Reference: Zeiler and Fergus, "Visualizing and Understanding Convolutional
        Networks", [ECCV 2014](https://arxiv.org/abs/1311.2901), section 3,
        who train with these crops, of 224 x 224 out of 256 x 256. The first
        five are those of torchvision's `ten_crop`. That mirrors the image and
        then crops: of its last five, left and right ones are exchanged, and
        where an odd number of columns is left over, its last centre lies a
        column aside.

    Args:
        height: Positive integer, of a crop, in pixels.
        width: Positive integer.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to the
            Keras setting.
        **kwargs: `keras.layers.Layer` arguments. Floats are cast to the dtype
            of the policy, and integers keep theirs.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first, of any height
        and width from those of a crop; they may be known at run time only.
    Output shape: `(batch * 10, height, width, channels)`, or
        `(batch * 10, channels, height, width)`, with those of a crop.

    Raises:
        ValueError: If `height` or `width` is no positive integer, or an image
            is smaller than a crop.

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
        # Not -1 for the batch: crops that an image of a size known at run time
        # only is too small for could be taken for others, fewer.
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
            # On TensorFlow, tensors stand for what is not known yet.
            if isinstance(side, int) and side < least:
                raise ValueError(
                    "Images must be at least as large as a crop, "
                    f"{self.height} x {self.width} pixels. Received: images "
                    f"of height and width {size}"
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
    """Halves, to even where it is between two: `round(pixels / 2)`.

    In whole numbers, as `round` does not know the tensors of TensorFlow.
    """
    half = pixels // 2
    return half + (pixels % 2) * (half % 2)
