from typing import Any

import keras
from keras import ops

from keras_attn.backend.protocol import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_attn")
class ClassToken(keras.layers.Layer):
    """Prepends trained tokens, the same for all images.

    Args:
        initializer: Initialiser of the tokens. Defaults to `"zeros"`.
        count: Positive integer, the number of tokens. Defaults to `1`.
        **kwargs: `keras.layers.Layer` arguments.

    Input shape: `(batch, tokens, channels)`.
    Output shape: `(batch, count + tokens, channels)`.
    """

    # The names in timm and lucidrains' code, then those in torchvision, then
    # timm's names of register and distillation tokens.
    torch_names = (
        {"cls_token": ("token", "same")},
        {"class_token": ("token", "same")},
        {"reg_token": ("token", "same")},
        {"dist_token": ("token", "same")},
    )

    def __init__(
        self, initializer: Any = "zeros", count: int = 1, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.initializer = keras.initializers.get(initializer)
        self.count = count
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, input_shape: Shape) -> None:
        self.token = self.add_weight(
            name="token",
            shape=(1, self.count, input_shape[-1]),
            initializer=self.initializer,
        )

    def call(self, inputs: Tensor) -> Tensor:
        token = ops.convert_to_tensor(self.token)
        # Not `broadcast_to`: some exporters reject its unknown batch.
        token = ops.zeros_like(inputs[:, :1]) + token
        return ops.concatenate([token, inputs], axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, tokens, channels = input_shape
        return batch, None if tokens is None else tokens + self.count, channels

    def get_config(self) -> dict[str, Any]:
        initializer = keras.initializers.serialize(self.initializer)
        config = {"initializer": initializer, "count": self.count}
        return {**super().get_config(), **config}
