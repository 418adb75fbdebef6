import math
from typing import Any

import keras
from keras import ops

from keras_attn import backend, checks
from keras_attn.backend.protocol import Function, Padding, Pair, Shape, Tensor
from keras_attn.layers.parts.batch_normalization import BatchNormalization
from keras_attn.layers.parts.conv2d import Conv2D
from keras_attn.layers.parts.initializers import FanInUniform
from keras_attn.ops.precision import narrow

# The usual number of groups of a group normalisation.
_GROUPS = 32


@keras.saving.register_keras_serializable(package="keras_attn")
class Conv2DNormActivation(keras.layers.Layer):
    """Convolution, normalisation and activation as one layer.

    Computes
    `y = act(gamma * (conv(x) - mean) / sqrt(variance + epsilon) + beta)`. In
    inference the normalisation is folded into kernel and bias, which is exact
    up to rounding and saves a pass. A functional model keeps the output of
    every layer until it is done, so one layer instead of three also uses a
    third of the memory. A momentum of 0.9, an epsilon of 1e-5 and the initial
    weights are PyTorch's, which the models of this package assume.

    A group normalisation uses the statistics of each image instead, and
    cannot be folded.

    Args:
        filters: Positive integer, the number of output channels.
        kernel_size: Integer or pair of integers.
        strides: Integer or pair of integers. Defaults to `1`.
        padding: `"same"`, `"valid"`, or an integer, the number of zero pixels
            on each side. Defaults to `"same"`.
        activation: Name of a Keras activation, a callable, or `None`.
            Defaults to `"relu"`.
        use_bias: Whether the convolution has a bias. Defaults to `True`.
        kernel_initializer: A Keras initializer, or `None` for PyTorch's,
            uniform within `+-1 / sqrt(fan_in)`. Defaults to `None`.
        groups: Positive integer, the number of groups of channels that are
            convolved separately. Defaults to `1`.
        dilation_rate: Integer or pair of integers. Defaults to `1`.
        normalization: `"batch"`, or `"group"` for a group normalisation with 32
            groups, or with the largest smaller power of 2 that divides
            `filters`. Defaults to `"batch"`.
        **kwargs: `data_format` (`"channels_last"` or `"channels_first"`,
            defaults to the Keras setting) and `keras.layers.Layer` arguments.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Pair,
        strides: int | Pair = 1,
        padding: Padding = "same",
        activation: str | Function | None = "relu",
        use_bias: bool = True,
        kernel_initializer: Any = None,
        data_format: str | None = None,
        groups: int = 1,
        dilation_rate: int | Pair = 1,
        normalization: str = "batch",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.kind = checks.one_of(
            "normalization", normalization, ("batch", "group")
        )
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.convolution = Conv2D(
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            groups=groups,
            dilation_rate=dilation_rate,
            use_bias=use_bias,
            dtype=self.dtype_policy,
            name="convolution",
        )
        self.data_format = self.convolution.data_format
        self.channel_axis = 1 if self.data_format == "channels_first" else 3
        settings = {
            "axis": self.channel_axis,
            "epsilon": 1e-5,
            "dtype": self.dtype_policy,
            "name": "normalization",
        }
        if self.kind == "group":
            count = math.gcd(_GROUPS, filters)
            self.normalization = keras.layers.GroupNormalization(
                count, **settings
            )
        else:
            self.normalization = BatchNormalization(momentum=0.9, **settings)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[self.channel_axis]
        if channels is None:
            raise ValueError(
                "`Conv2DNormActivation` requires a static number of channels. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        height, width = self.convolution.kernel_size
        fan_in = height * width * channels // self.convolution.groups
        self.convolution.kernel_initializer = (
            self.kernel_initializer or FanInUniform(fan_in)
        )
        self.convolution.bias_initializer = FanInUniform(fan_in)
        self.convolution.build(input_shape)
        shape = self.convolution.compute_output_shape(input_shape)
        self.normalization.build(shape)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        if self.kind == "group":
            outputs = self.normalization(self.convolution(inputs))
        elif training and self.normalization.trainable:
            outputs = self.convolution(inputs)
            outputs = self.normalization(outputs, training=True)
        else:
            outputs = self._convolve_normalized(inputs)
        if self.activation is keras.activations.relu:
            return backend.rectify(outputs)
        return self.activation(outputs)

    def _convolve_normalized(self, inputs: Tensor) -> Tensor:
        """Convolves with the normalisation folded into kernel and bias."""
        convolution, norm = self.convolution, self.normalization
        # Epsilon is too small for float16.
        dtype = keras.backend.result_type(self.compute_dtype, "float32")
        gamma, beta, mean, variance, kernel = (
            ops.cast(weight, dtype)
            for weight in (
                norm.gamma,
                norm.beta,
                norm.moving_mean,
                norm.moving_variance,
                convolution.kernel,
            )
        )
        scale = gamma / ops.sqrt(variance + norm.epsilon)
        bias = -mean
        if convolution.use_bias:
            bias = bias + ops.cast(convolution.bias, dtype)
        bias = beta + bias * scale
        # The kernel's last axis is that of the filters in either format.
        kernel = kernel * scale
        return convolution.convolve(
            inputs,
            narrow(kernel, self.compute_dtype),
            narrow(bias, self.compute_dtype),
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.convolution.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        convolution = self.convolution
        config = {
            "filters": convolution.filters,
            "kernel_size": convolution.kernel_size,
            "strides": convolution.strides,
            "padding": convolution.get_config()["padding"],
            "activation": keras.activations.serialize(self.activation),
            "use_bias": convolution.use_bias,
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            ),
            "data_format": self.data_format,
            "groups": convolution.groups,
            "dilation_rate": convolution.dilation_rate,
            "normalization": self.kind,
        }
        return {**super().get_config(), **config}
