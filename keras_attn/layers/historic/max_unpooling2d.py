from collections.abc import Sequence
from typing import Any, Unpack

import keras
from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Pair, Shape, Sides, Tensor
from keras_attn.layers.base import FeatureMapArguments, FeatureMapLayer

COLLISIONS = ("add", "overwrite")


@keras.saving.register_keras_serializable(package="keras_attn")
class MaxUnpooling2D(FeatureMapLayer):
    """Puts values back to the positions of their maxima, with zeros elsewhere.

    Computes `y[indices] = x` for each image and channel, with the indices of
    `keras_attn.layers.MaxPooling2DWithIndices`. If windows overlap, several
    values may belong to one pixel. Either they are added, which is the gradient
    of max pooling, or the last one counts, row by row. The latter matches
    PyTorch's `MaxUnpool2d` on CPU, though PyTorch does not specify the order.

    Reference: Zeiler and Fergus, "Visualizing and Understanding Convolutional
        Networks", [ECCV 2014](https://arxiv.org/abs/1311.2901), section 2.1.

    Args:
        output_size: Positive integer or a pair, the height and width of the
            outputs, or `None` to use the size of `like`. Defaults to `None`.
        collisions: `"add"` or `"overwrite"`, for several values that belong to
            one pixel. Defaults to `"add"`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Call arguments:
        inputs: A list of values and indices of the same shape. An index is
            `row * width + column`, from 0 to `height * width - 1`. Values with
            other indices are dropped.
        like: Images whose height and width are used, for a layer without
            `output_size`.

    Input shape: A list of two `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: Same as each input, with the new height and width.

    Raises:
        ValueError: If an argument is invalid, if the inputs are not two tensors
            of one shape, or if `like` is passed to a layer with a size, or is
            missing for a layer without one.

    Example:

    >>> x = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> pooling = keras_attn.layers.MaxPooling2DWithIndices(2, strides=1)
    >>> unpooling = keras_attn.layers.MaxUnpooling2D(3)
    >>> y = unpooling(pooling(x))
    >>> [int(value) for value in y[0, :, 1, 0]], int(y[0, 2, 2, 0])
    ([0, 4, 7], 8)
    """

    def __init__(
        self,
        output_size: int | Pair | None = None,
        collisions: str = "add",
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(**kwargs)
        self.output_size = checks.pair(
            "output_size", output_size, optional=True
        )
        self.collisions = checks.one_of("collisions", collisions, COLLISIONS)
        self.input_spec = None

    def build(
        self, inputs_shape: Sequence[Shape], like_shape: Shape | None = None
    ) -> None:
        self._check(inputs_shape)

    def call(
        self, inputs: Sequence[Tensor], like: Tensor | None = None
    ) -> Tensor:
        values, indices = inputs
        size = self._size(None if like is None else ops.shape(like))
        first = self.data_format == "channels_first"
        if first:
            values = ops.transpose(values, (0, 2, 3, 1))
            indices = ops.transpose(indices, (0, 2, 3, 1))
        outputs = self._put(values, ops.cast(indices, "int32"), size)
        return ops.transpose(outputs, (0, 3, 1, 2)) if first else outputs

    def _put(self, values: Tensor, indices: Tensor, size: Sides) -> Tensor:
        """Returns the outputs, channels last."""
        batch, height, width, channels = ops.shape(values)
        if isinstance(batch, int) and batch == 0:
            # PyTorch raises for the maximum of an empty tensor.
            return ops.zeros((0, *size, channels), self.compute_dtype)
        pixels = size[0] * size[1]
        # A unique index for every pixel of all channels and images.
        images = ops.reshape(ops.arange(batch), (-1, 1, 1, 1))
        places = (images * pixels + indices) * channels + ops.arange(channels)
        inside = ops.logical_and(indices >= 0, indices < pixels)
        places = ops.reshape(ops.where(inside, places, -1), (-1,))
        count = batch * pixels * channels
        x = ops.reshape(self.widen(values), (-1,))
        if self.collisions == "overwrite":
            windows = ops.arange(height * width, dtype="float32")
            windows = ops.broadcast_to(
                ops.reshape(windows, (1, -1, 1)),
                (batch, height * width, channels),
            )
            windows = ops.reshape(windows, (-1,))
            last = ops.segment_max(windows, places, count)
            # As rows, a lookup that can be exported from every backend.
            last = ops.take(ops.reshape(last, (-1, 1)), places, axis=0)
            x = ops.where(ops.reshape(last, (-1,)) == windows, x, 0.0)
        outputs = ops.segment_sum(x, places, count)
        outputs = ops.reshape(outputs, (-1, *size, channels))
        return self.narrow(outputs)

    def _size(self, like: Shape | None) -> Sides:
        """Returns the new height and width, which may be tensors."""
        if (like is None) == (self.output_size is None):
            raise ValueError(
                "`like` must be given if, and only if, the layer has no "
                f"`output_size`. Received: output_size={self.output_size}, "
                f"and `like` {'was not' if like is None else 'was'} given"
            )
        if like is None:
            return self.output_size
        return tuple(like[axis] for axis in self.spatial_axes)

    def _check(self, shapes: Sequence[Shape]) -> None:
        """Checks the shapes of values and indices."""
        shapes = [tuple(shape) for shape in shapes]
        if len(shapes) != 2 or shapes[0] != shapes[1] or len(shapes[0]) != 4:
            raise ValueError(
                "`inputs` must be values and indices of one shape with four "
                "axes, as returned by `MaxPooling2DWithIndices`. "
                f"Received: shapes {shapes}"
            )
        self.static_channels(shapes[0])

    # Keras requires these names, after the arguments of `call`.
    def compute_output_shape(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, inputs_shape: Sequence[Shape], like_shape: Shape | None = None
    ) -> Shape:
        shape = list(inputs_shape[0])
        size = self._size(like_shape)
        for axis, side in zip(self.spatial_axes, size, strict=True):
            shape[axis] = side
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        config = {
            "output_size": self.output_size,
            "collisions": self.collisions,
        }
        return {**super().get_config(), **config}
