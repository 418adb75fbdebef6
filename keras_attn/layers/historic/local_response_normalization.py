from typing import Any, Unpack

import keras
import numpy as np
from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments, FeatureMapLayer

CONVENTIONS = ("tensorflow", "torch")


@keras.saving.register_keras_serializable(package="keras_attn")
class LocalResponseNormalization(FeatureMapLayer):
    """Divides each channel by the activity of its neighbours.

    Computes `y_c = x_c / (k + a * sum_j x_j^2)^beta`, where `j` runs over the
    existing channels from `c - floor(size / 2)` to
    `c + floor((size - 1) / 2)`. In the convention of TensorFlow and of the
    paper, `a` is `alpha`. In PyTorch's convention, it is `alpha / size`. The
    defaults are the paper's constants. The sum is one product with a matrix of
    zeros and ones, in float32.

    Reference: Krizhevsky, Sutskever and Hinton, "ImageNet Classification with
        Deep Convolutional Neural Networks", NeurIPS 2012, section 3.3;
        PyTorch's `LocalResponseNorm`, TensorFlow's
        `tf.nn.local_response_normalization`, whose `depth_radius` is
        `(size - 1) / 2` and whose `bias` is `k`.

    Args:
        size: Positive integer, the number of channels in a sum. Defaults to 5.
        alpha: Non-negative number, the factor of the sum. Defaults to 1e-4.
        beta: Non-negative number, the exponent. Defaults to 0.75.
        k: Positive number, added to the scaled sum. Defaults to 2.
        convention: `"tensorflow"`, or `"torch"` to divide `alpha` by `size`.
            Defaults to `"tensorflow"`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.

    Input shape: `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels first.
    Output shape: Same as input.

    Raises:
        ValueError: If an argument is invalid, or if the number of channels is
            unknown.

    Example:

    >>> layer = keras_attn.layers.LocalResponseNormalization(
    ...     size=3, alpha=1.0, beta=1.0, k=1.0
    ... )
    >>> y = layer(np.array([1.0, 2.0, 3.0]).reshape(1, 1, 1, 3))
    >>> [round(float(value), 3) for value in y[0, 0, 0]]
    [0.167, 0.133, 0.214]
    """

    def __init__(
        self,
        size: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 2.0,
        convention: str = "tensorflow",
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(**kwargs)
        self.size = checks.positive("size", size)
        self.alpha = checks.number("alpha", alpha, least=0)
        self.beta = checks.number("beta", beta, least=0)
        # It is the divisor where all inputs are 0.
        self.k = checks.number("k", k, above=0)
        self.convention = checks.one_of("convention", convention, CONVENTIONS)

    def build(self, input_shape: Shape) -> None:
        self.static_channels(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        x = self.widen(inputs)
        scale = self.alpha
        if self.convention == "torch":
            scale = scale / self.size
        base = self.k + scale * self._sums(x * x)
        # Faster than a power on every backend.
        outputs = x * ops.exp(-self.beta * ops.log(base))
        return self.narrow(outputs)

    def _sums(self, squares: Tensor) -> Tensor:
        """Returns the sum over the neighbours of each channel."""
        channels = self.static_channels(squares.shape)
        places = np.arange(channels)
        distances = places[:, None] - places
        band = (distances >= -(self.size // 2)) & (
            distances <= (self.size - 1) // 2
        )
        # `band[j, c]`: whether channel `j` enters the sum of channel `c`.
        band = ops.convert_to_tensor(band, squares.dtype)
        if self.data_format == "channels_last":
            return ops.matmul(squares, band)
        return ops.einsum("bjhw,jc->bchw", squares, band)

    def get_config(self) -> dict[str, Any]:
        config = {
            "size": self.size,
            "alpha": self.alpha,
            "beta": self.beta,
            "k": self.k,
            "convention": self.convention,
        }
        return {**super().get_config(), **config}
