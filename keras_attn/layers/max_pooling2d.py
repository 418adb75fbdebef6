import keras

from keras_attn import backend


@keras.saving.register_keras_serializable(package="keras_attn")
class MaxPooling2D(keras.layers.MaxPooling2D):
    """2D max pooling: `keras.layers.MaxPooling2D` in the layout of `Conv2D`.

    On PyTorch's CPU channels-last memory makes it seven times slower.
    """

    def call(self, inputs):
        return backend.max_pool(
            inputs, self.pool_size, self.strides, self.padding, self.data_format
        )
