import fractions
from typing import Any, Unpack

import keras
from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments, FeatureMapLayer
from keras_attn.ops.interpolation import resize


@keras.saving.register_keras_serializable(package="keras_attn")
class BilinearResizing(FeatureMapLayer):
    """Resizes images bilinearly with aligned corners, also to run-time sizes.

    Computes `y = A x B^T` with one matrix per axis, which interpolates between
    the two nearest pixels. With `align_corners`, pixel `i` of `n` outputs lies
    at `i (m - 1) / (n - 1)` among `m` inputs, so that the outermost pixels keep
    their place. Without it, the pixel lies at `(i + 1/2) m / n - 1/2`. Unlike
    `keras.layers.Resizing`, this layer supports aligned corners, and on every
    backend also images whose size is only known at run time.

    Reference: PyTorch's `interpolate(mode="bilinear")` and Caffe's `Interp`
    layer, whose convention is `align_corners=True`. `False` is TensorFlow's
    convention. There is no smoothing when downsampling (`antialias=False`).
    Computed in float32.

    Args:
        height: Positive integer, or `None` to use `scale_factor` or the size of
            `like`. Defaults to `None`.
        width: Positive integer or `None`, as for `height`. Defaults to `None`.
        align_corners: Whether the outermost pixels keep their place. Defaults
            to `True`.
        scale_factor: Positive number `s`. It resizes `n` pixels to
            `floor((n - 1) s) + 1` with `align_corners`, which keeps the spacing
            of pixels even (321 pixels become 161 for 0.5), and to `floor(n s)`
            without. Defaults to `None`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Call arguments:
        inputs: Images.
        like: Images whose height and width are used, for a layer without
            `height`, `width` and `scale_factor`.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: Same as input, with the new height and width.

    Raises:
        ValueError: If `height` and `width` are neither two positive integers
            nor both `None`, if `scale_factor` is not positive or is combined
            with them, or if `like` is passed to a layer with a size, or is
            missing for a layer without one.

    Example:

    >>> layer = keras_attn.layers.BilinearResizing(1, 3)
    >>> y = layer(np.array([0.0, 8.0]).reshape(1, 1, 2, 1))
    >>> [float(value) for value in y[0, 0, :, 0]]
    [0.0, 4.0, 8.0]
    >>> halves = keras_attn.layers.BilinearResizing(scale_factor=0.5)
    >>> tuple(halves(np.ones((1, 321, 161, 3))).shape)
    (1, 161, 81, 3)
    """

    def __init__(
        self,
        height: int | None = None,
        width: int | None = None,
        align_corners: bool = True,
        scale_factor: float | None = None,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(**kwargs)
        if (height is None) != (width is None):
            raise ValueError(
                "`height` and `width` must be given together. "
                f"Received: height={height}, width={width}"
            )
        if scale_factor is not None and height is not None:
            raise ValueError(
                "`scale_factor` must be None if `height` and `width` are "
                f"given. Received: height={height}, width={width}, "
                f"scale_factor={scale_factor}"
            )
        self.height = checks.positive("height", height, optional=True)
        self.width = checks.positive("width", width, optional=True)
        self.align_corners = align_corners
        self.scale_factor = checks.number(
            "scale_factor", scale_factor, above=0, optional=True
        )

    def call(self, inputs: Tensor, like: Tensor | None = None) -> Tensor:
        shape = None if like is None else ops.shape(like)
        size = self._size(ops.shape(inputs), shape)
        outputs = resize(
            self.widen(inputs), size, self.align_corners, self.spatial_axes
        )
        return self.narrow(outputs)

    def _size(self, shape: Shape, like: Shape | None) -> Shape:
        """Returns the new height and width, which may be tensors."""
        has_none = (self.height, self.scale_factor) == (None, None)
        if (like is None) == has_none:
            raise ValueError(
                "`like` must be given if, and only if, the layer has neither "
                "`height` and `width` nor `scale_factor`. Received: "
                f"height={self.height}, width={self.width}, "
                f"scale_factor={self.scale_factor}, and `like` "
                f"{'was not' if like is None else 'was'} given"
            )
        if self.height is not None:
            return self.height, self.width
        if like is not None:
            return tuple(like[axis] for axis in self.spatial_axes)
        # A fraction, since with floats 100 pixels times 0.29 are
        # 28.999999999999996.
        exact = fractions.Fraction(self.scale_factor).limit_denominator(10**4)
        above, below = exact.numerator, exact.denominator
        return tuple(
            None
            if shape[axis] is None
            else (shape[axis] - 1) * above // below + 1
            if self.align_corners
            else shape[axis] * above // below
            for axis in self.spatial_axes
        )

    # Keras requires these names, after the arguments of `call`.
    def compute_output_shape(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, inputs_shape: Shape, like_shape: Shape | None = None
    ) -> Shape:
        shape = list(inputs_shape)
        size = self._size(inputs_shape, like_shape)
        for axis, side in zip(self.spatial_axes, size, strict=True):
            shape[axis] = side
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        config = {
            "height": self.height,
            "width": self.width,
            "align_corners": self.align_corners,
            "scale_factor": self.scale_factor,
        }
        return {**super().get_config(), **config}
