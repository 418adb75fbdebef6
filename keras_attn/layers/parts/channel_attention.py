from typing import Any, Unpack

from keras import ops

from keras_attn.backend.protocol import Tensor
from keras_attn.layers.base import FeatureMapArguments, FeatureMapLayer


class ChannelAttention(FeatureMapLayer):
    """Abstract base: `y = x * sigmoid(z)`, one logit `z` an image and channel.

    Subclasses define `logits(inputs, training)`, which returns `z` as
    `(batch, channels)` in float32 or wider. Subclasses are final.

    With `identity_start=True` the gate is `2 * sigmoid(z)`, and subclasses
    start the last weights before `z` at 0: the gate is exactly 1 at first,
    and so the layer, put into a trained network, leaves it as it was; its
    gradient is not 0, so the gates learn.
    """

    def __init__(
        self,
        identity_start: bool = False,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(**kwargs)
        self.identity_start = identity_start

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        return self.scale(inputs, self._gates(inputs, training))

    def attention(self, inputs: Tensor) -> Tensor:
        """Returns the gates, `(batch, channels)`, in inference."""
        return self._gates(self.receive(inputs), training=False)

    def _gates(self, inputs: Tensor, training: bool) -> Tensor:
        gates = ops.sigmoid(self.logits(inputs, training))
        return 2.0 * gates if self.identity_start else gates

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "identity_start": self.identity_start}
