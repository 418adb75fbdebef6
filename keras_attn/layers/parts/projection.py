from typing import Any

import keras
from keras import ops

from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import Names
from keras_attn.layers.parts.batch_normalization import (
    BatchNormalization,
    normalization_names,
)
from keras_attn.layers.parts.initializers import FanInUniform


@keras.saving.register_keras_serializable(package="keras_attn")
class Projection(keras.layers.Layer):
    """The 1x1 convolution and normalisation that start second-order blocks.

    Computes `batch_norm(W x + b)` at each position of tokens
    `(batch, channels, positions)`, followed by an optional ReLU. The outputs
    stay in float32 or wider in any policy, since later products square them.

    Args:
        dim: Positive integer, the number of outputs.
        use_bias: Whether to use the bias `b`. Defaults to `True`.
        rectified: Whether to apply a ReLU at the end. Defaults to `True`.
        kernel_initializer: Initialiser of `W`, or `None` for `FanInUniform`.
            Defaults to `None`.
        **kwargs: `keras.layers.Layer` arguments.
    """

    def __init__(
        self,
        dim: int,
        use_bias: bool = True,
        rectified: bool = True,
        kernel_initializer: Any = None,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        self.dim = dim
        self.use_bias = use_bias
        self.rectified = rectified
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(channels, self.dim),
            initializer=self.kernel_initializer or FanInUniform(channels),
            autocast=False,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.dim,),
                initializer=FanInUniform(channels),
                autocast=False,
            )
        self.normalization = float32_normalization(
            "normalization", self.compute_dtype
        )
        self.normalization.build((None, self.dim, None))

    def call(self, tokens: Tensor, training: bool = False) -> Tensor:
        kernel = ops.cast(self.kernel, tokens.dtype)
        y = ops.matmul(ops.transpose(kernel), tokens)
        if self.use_bias:
            y = y + ops.expand_dims(ops.cast(self.bias, y.dtype), 1)
        y = self.normalization(y, training=training)
        return ops.relu(y) if self.rectified else y

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.dim, *input_shape[2:])

    def names(
        self, convolution: str, normalization: str, path: str = "projection"
    ) -> Names:
        """Returns the PyTorch names, for the layer that holds this one."""
        bias = {f"{convolution}.bias": (f"{path}.bias", "same")}
        return {
            f"{convolution}.weight": (f"{path}.kernel", "pointwise"),
            **(bias if self.use_bias else {}),
            **normalization_names(normalization, f"{path}.normalization"),
        }

    def get_config(self) -> dict[str, Any]:
        config = {
            "dim": self.dim,
            "use_bias": self.use_bias,
            "rectified": self.rectified,
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            ),
        }
        return {**super().get_config(), **config}


def float32_normalization(name: str, dtype: str) -> BatchNormalization:
    """Returns a batch normalisation of axis 1 that stays in float32.

    Its inputs may be squares, or later layers square its outputs, and squares
    may not fit into float16.
    """
    return BatchNormalization(
        axis=1,
        momentum=0.9,
        epsilon=1e-5,
        autocast=False,
        dtype=keras.backend.result_type(dtype, "float32"),
        name=name,
    )
