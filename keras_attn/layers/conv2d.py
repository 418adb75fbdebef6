import keras

from keras_attn import backend


@keras.saving.register_keras_serializable(package="keras_attn")
class Conv2D(keras.layers.Conv2D):
    """2D convolution: `keras.layers.Conv2D` without its copies on PyTorch.

    Arguments, weights and results are those of the Keras layer. The models of
    this package are built of it. On PyTorch the images stay in memory as they
    are, and the bias is added inside the convolution. `padding` may also be an
    integer: that many pixels of zeros on each side, as PyTorch has it. With a
    stride of 2 that is not Keras' `"same"`.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        **kwargs,
    ):
        self.pixels = padding if isinstance(padding, int) else None
        named = "valid" if self.pixels is not None else padding
        super().__init__(
            filters, kernel_size, strides, named, data_format, **kwargs
        )

    def call(self, inputs):
        outputs = self.convolve(
            inputs, self.kernel, self.bias if self.use_bias else None
        )
        if self.activation is keras.activations.relu:
            return backend.rectify(outputs)
        return outputs if self.activation is None else self.activation(outputs)

    def convolve(self, inputs, kernel, bias):
        """Convolves as this layer does, with other weights."""
        return backend.convolve(
            inputs,
            kernel,
            bias,
            self.strides,
            self.padding if self.pixels is None else self.pixels,
            self.dilation_rate,
            self.data_format,
        )

    def compute_output_shape(self, input_shape):
        shape = padded_shape(input_shape, self.pixels, self.data_format)
        return super().compute_output_shape(shape)

    def get_config(self):
        config = super().get_config()
        if self.pixels is not None:
            config["padding"] = self.pixels
        return config


def padded_shape(shape, pixels, data_format):
    """Returns the shape of a batch of images with pixels on each side."""
    axes = (2, 3) if data_format == "channels_first" else (1, 2)
    return tuple(
        side + 2 * pixels if pixels and axis in axes and side else side
        for axis, side in enumerate(shape)
    )
