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

    Computes `y = x - mean`, with one mean per pixel and channel. The mean is a
    non-trainable weight, `(height, width, channels)` in either data format. It
    is saved with the model, and one checkpoint serves both formats. Until
    `adapt` is called or a checkpoint is loaded, the mean is 0 and images do not
    change. Images may have any range of values, such as [0, 255], if it is also
    the range of the data in `adapt`. The scale of the values does not change.

    Reference: Zeiler and Fergus, "Visualizing and Understanding Convolutional
        Networks", [ECCV 2014](https://arxiv.org/abs/1311.2901), section 3,
        who subtract the mean of ImageNet's training images at each pixel.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. Defaults to the
            Keras setting.
        **kwargs: `keras.layers.Layer` arguments. The difference is computed in
            float32 and cast to the compute dtype of the policy.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first. All sizes but the
        batch must be static.
    Output shape: Same as input.

    Raises:
        ValueError: If height, width or channels are unknown, or are not those
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
                "`MeanImage` requires a static height, width and number of "
                f"channels (axes {axes} with {self.data_format!r}), since it "
                "stores a mean per pixel. Received: "
                f"input_shape={tuple(input_shape)}"
            )
        double = self.variable_dtype == "float64"
        self.mean_image = self.add_weight(
            name="mean",
            shape=shape,
            # Half precision has a resolution of only 1/8 at 255.
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
        """Sets the mean image to the mean of a data set.

        The images are summed in float64, batch by batch. Calling it again
        discards the previous mean. If it fails, the layer does not change.

        Args:
            data: Images in the layer's data format, as an array with four
                axes, or as a finite iterable of batches or of tuples that
                start with a batch. Such iterables are a
                `keras.utils.PyDataset`, a `tf.data.Dataset`, a PyTorch
                `DataLoader` and a generator.
            batch_size: Positive integer, the number of images of an array that
                are summed at a time. Defaults to 32.

        Raises:
            ValueError: If there is no image, if the images differ in size from
                each other or from a layer that is built, if they are not
                finite, if `batch_size` is not a positive integer, or if it is
                passed with an iterable.
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
                    f"`data` must be images of one size, {shape} as in earlier "
                    "batches or in the layer. Received: a batch of shape "
                    f"{batch.shape}"
                )
            if not np.isfinite(batch).all():
                raise ValueError(
                    "`data` must hold finite numbers only. Received: NaN or "
                    f"infinity in {len(batch)} images from index {count}"
                )
            total = total + batch.sum(axis=0, dtype="float64")
            count += len(batch)
        if not count:
            raise ValueError(
                "`data` must hold at least one image. Received: no images. "
                "An iterator can be used only once."
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
    """Yields the batches that are summed at a time."""
    if not (hasattr(data, "shape") and hasattr(data, "__getitem__")):
        if batch_size is not None:
            raise ValueError(
                "`batch_size` must be None for an iterable of batches. "
                f"Received: batch_size={batch_size!r}"
            )
        if not isinstance(data, keras.utils.PyDataset):
            yield from data
            return
        if data.num_batches is None:
            raise ValueError(
                "`data` must be an iterable that ends. Received: a "
                "`PyDataset` whose `num_batches` is None"
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
            f"axes. Received: a batch of shape {array.shape} and dtype "
            f"{array.dtype}"
        )
    return array
