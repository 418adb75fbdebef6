from collections.abc import Sequence

import keras

from keras_attn import backend
from keras_attn.backend.protocol import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_attn")
class ResidualAdd(keras.layers.Layer):
    """Computes the end of a residual block, `y = relu(shortcut + branch)`.

    As one layer, it does not have to keep the sum, which is not used elsewhere.

    Input shape: A list of two tensors of the same shape.
    Output shape: Same as each input.
    """

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        shortcut, branch = inputs
        return backend.rectify(shortcut + branch)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        return tuple(input_shape[0])
