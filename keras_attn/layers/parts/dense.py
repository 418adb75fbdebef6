from typing import Any

import keras
from keras import ops

from keras_attn import backend
from keras_attn.backend.protocol import Tensor
from keras_attn.ops.precision import as_floats


@keras.saving.register_keras_serializable(package="keras_attn")
class Dense(keras.layers.Dense):
    """Linear layer: `keras.layers.Dense` in one operation on PyTorch.

    Arguments, weights and results are those of the Keras layer, and so are
    `quantize` and `enable_lora`.
    """

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        # The kernel includes the update of LoRA.
        kernel = ops.convert_to_tensor(self.kernel)
        bias = None if self.bias is None else ops.convert_to_tensor(self.bias)
        inputs = as_floats(inputs, self.compute_dtype)
        outputs = backend.linear(inputs, kernel, bias)
        return outputs if self.activation is None else self.activation(outputs)

    def quantize(
        self, mode: Any = None, type_check: bool = True, config: Any = None
    ) -> None:
        # Keras rejects subclasses, since they may have another `call`.
        del type_check
        super().quantize(mode, type_check=False, config=config)
