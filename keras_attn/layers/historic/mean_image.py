from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapLayer


@keras.saving.register_keras_serializable(package="keras_attn")
class MeanImage(FeatureMapLayer):
    """Subtracts the mean image of a data set, which `adapt` computes.

    `y = x - mean`, with one mean for each pixel and channel. It is a weight
    that is not trained, `(height, width, channels)` in either data format: it
    is saved with the model, and one checkpoint serves both. Until `adapt` is
    called, or a checkpoint is loaded, it is 0, and images stay what they are.
    Images may have any range, [0, 255] say: it has to be that of the data the
    layer was adapted to, and stays as wide.

    Reference: Zeiler and Fergus, "Visualizing and Understanding Convolutional
        Networks", [ECCV 2014](https://arxiv.org/abs/1311.2901), section 3,
        who subtract the mean of ImageNet's training images at each pixel.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. Defaults to the
            Keras setting.
        **kwargs: `keras.layers.Layer` arguments. It is computed in float32 and
            cast back to the dtype of the images, or, of integers, to that of
            the policy.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first, all known but
        for the batch.
    Output shape: Same as input.

    Raises:
        ValueError: If height, width or channels are unknown, or not those
            that the layer was built for.

    Example:

    >>> layer = keras_attn.layers.MeanImage(data_format="channels_last")
    >>> images = np.array([[0, 50], [100, 250]], "uint8").reshape(2, 1, 2, 1)
    >>> layer.adapt(images)
    >>> [float(value) for value in layer(images)[0, 0, :, 0]]
    [-50.0, -100.0]
    """

    def build(self, input_shape: Shape) -> None:
        axes = (*self.spatial_axes, self.channel_axis)
        shape = tuple(input_shape[axis] for axis in axes)
        if None in shape:
            raise ValueError(
                "`MeanImage` needs a static height, width and number of "
                f"channels (axes {axes} with {self.data_format!r}), as it "
                "holds a mean for each pixel. Received: "
                f"input_shape={tuple(input_shape)}"
            )
        double = self.variable_dtype == "float64"
        self.mean_image = self.add_weight(
            name="mean",
            shape=shape,
            # Half precision has steps of 1/8 at 255.
            dtype="float64" if double else "float32",
            initializer="zeros",
            trainable=False,
            autocast=False,
        )
        self.input_spec = keras.layers.InputSpec(
            ndim=4, axes=dict(zip(axes, shape, strict=True))
        )

    def call(self, inputs: Tensor) -> Tensor:
        x = self.widen(inputs)
        mean = ops.cast(self.mean_image, x.dtype)
        if self.data_format == "channels_first":
            mean = ops.transpose(mean, (2, 0, 1))
        return self.narrow(x - mean)

    def adapt(self, data: Any, batch_size: int | None = None) -> None:
        """Sets the mean image to that of a data set.

        The images are added up in float64, a batch at a time. Adapting anew
        starts anew; where it fails, the layer stays what it was.

        Args:
            data: Images in the layer's data format: an array with four axes,
                or an iterable that ends, of batches of them or of tuples
                whose first element is one, such as a `keras.utils.PyDataset`,
                a `tf.data.Dataset`, a PyTorch `DataLoader` or a generator.
            batch_size: Positive integer, how many images of an array are
                added up at a time. Defaults to 32.

        Raises:
            ValueError: If there is no image, if images are not of one size,
                which is the layer's if it is built, or not finite, or if
                `batch_size` is not such a number, or given for batches.
        """
        total: Any = 0.0
        count = 0
        shape: Shape = ()
        if self.built:
            shape = self._to_format(tuple(self.mean_image.shape))
        for batch in _batches(data, batch_size):
            batch = _images(batch)
            shape = shape or batch.shape[1:]
            if batch.shape[1:] != shape:
                raise ValueError(
                    f"`data` must be images of one size, {shape} as those "
                    "before or as the layer was built. Received: a batch of "
                    f"shape {batch.shape}"
                )
            if not np.isfinite(batch).all():
                raise ValueError(
                    "`data` must hold finite numbers only. Received: NaN or "
                    f"infinity in the {len(batch)} images from number {count}"
                )
            total = total + batch.sum(axis=0, dtype="float64")
            count += len(batch)
        if not count:
            raise ValueError(
                "`data` must hold at least one image. Received: none. An "
                "iterator can be run through only once"
            )
        if not self.built:
            self.build((None, *shape))
        mean = total / count
        if self.data_format == "channels_first":
            mean = mean.transpose(1, 2, 0)
        self.mean_image.assign(mean.astype(self.mean_image.dtype))

    def _to_format(self, shape: Shape) -> Shape:
        """Returns the shape of an image in the layer's data format."""
        if self.data_format == "channels_first":
            return (shape[2], *shape[:2])
        return shape


def _batches(data: Any, batch_size: int | None) -> Iterator[Any]:
    """Yields what is added up at a time."""
    if not (hasattr(data, "shape") and hasattr(data, "__getitem__")):
        if batch_size is not None:
            raise ValueError(
                "`batch_size` must not be given with an iterable, which has "
                f"batches already. Received: batch_size={batch_size!r}"
            )
        if not isinstance(data, keras.utils.PyDataset):
            yield from data
            return
        if data.num_batches is None:
            raise ValueError(
                "`data` must end. Received: a `PyDataset` whose `num_batches` "
                "is None"
            )
        for index in range(data.num_batches):
            yield data[index]
        return
    step = checks.positive(
        "batch_size", 32 if batch_size is None else batch_size
    )
    for start in range(0, data.shape[0], step):
        yield data[start : start + step]


def _images(batch: Any) -> np.ndarray:
    """Returns the images of a batch as an array."""
    if isinstance(batch, (list, tuple)) and batch:
        batch = batch[0]
    if ops.is_tensor(batch):
        batch = ops.convert_to_numpy(batch)
    array = np.asarray(batch)
    if array.ndim != 4 or array.dtype.kind not in "fiub":
        raise ValueError(
            "`data` must be batches of images, arrays of numbers with four "
            f"axes. Received: a batch of shape {array.shape} and type "
            f"{array.dtype}"
        )
    return array
