from typing import Any

import keras
from keras import ops

from keras_attn import backend
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import Names
from keras_attn.layers.parts.linear import add_linear, linear


@keras.saving.register_keras_serializable(package="keras_attn")
class Excitation(keras.layers.Layer):
    """The bottleneck of two linear layers in SE and its successors.

    Computes `z = sum_v (W2 relu(W1 v + b1) + b2)` over one or more vectors `v`,
    each `(batch, channels)`, in their dtype. Since `W2` is linear, it is
    applied once, to the sum.

    Args:
        hidden: Positive integer, the number of hidden units.
        use_bias: Whether there are `b1` and `b2`. Defaults to `True`.
        zero_start: Whether `W2` and `b2` start at zero. Defaults to `False`.
        **kwargs: `keras.layers.Layer` arguments.
    """

    def __init__(
        self,
        hidden: int,
        use_bias: bool = True,
        zero_start: bool = False,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        self.hidden = hidden
        self.use_bias = use_bias
        self.zero_start = zero_start

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[-1]
        bias = {"use_bias": self.use_bias}
        add_linear(self, "reduce", channels, self.hidden, **bias)
        start = "zeros" if self.zero_start else None
        add_linear(self, "expand", self.hidden, channels, start, **bias)

    def call(self, *vectors: Tensor) -> Tensor:
        return self.excite(*vectors)

    def excite(self, *vectors: Tensor) -> Tensor:
        """Does the same as `call`, without the overhead of calling a layer."""
        hidden = sum(ops.relu(linear(self, "reduce", v)) for v in vectors)
        kernel = ops.cast(self.expand_kernel, vectors[0].dtype)
        bias = None
        if self.use_bias:
            bias = len(vectors) * ops.cast(self.expand_bias, vectors[0].dtype)
        return backend.linear(hidden, kernel, bias)

    def names(
        self, reduce: str, expand: str, layout: str, path: str = "excitation"
    ) -> Names:
        """Returns the PyTorch names, for the layer that holds this one.

        `reduce` and `expand` are the prefixes of `.weight` and `.bias`. `path`
        is the attribute of the outer layer that holds this one.
        """
        table = {
            f"{reduce}.weight": (f"{path}.reduce_kernel", layout),
            f"{expand}.weight": (f"{path}.expand_kernel", layout),
        }
        if self.use_bias:
            table[f"{reduce}.bias"] = (f"{path}.reduce_bias", "same")
            table[f"{expand}.bias"] = (f"{path}.expand_bias", "same")
        return table

    def get_config(self) -> dict[str, Any]:
        config = {
            "hidden": self.hidden,
            "use_bias": self.use_bias,
            "zero_start": self.zero_start,
        }
        return {**super().get_config(), **config}
