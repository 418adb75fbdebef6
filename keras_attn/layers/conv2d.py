import keras

from keras_attn import backend


@keras.saving.register_keras_serializable(package="keras_attn")
class Conv2D(keras.layers.Conv2D):
    """2D convolution: `keras.layers.Conv2D` without its copies on PyTorch.

    Arguments, weights and results are those of the Keras layer. The models of
    this package are built of it. On PyTorch one memory layout is kept from
    layer to layer, and the bias is added inside the convolution.
    """

    def call(self, inputs):
        outputs = backend.convolve(
            inputs,
            self.kernel,
            self.bias if self.use_bias else None,
            self.strides,
            self.padding,
            self.dilation_rate,
            self.data_format,
        )
        return outputs if self.activation is None else self.activation(outputs)
