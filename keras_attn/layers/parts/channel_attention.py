from typing import Any, Unpack

from keras import ops

from keras_attn.backend.protocol import Tensor
from keras_attn.layers.base import FeatureMapArguments, FeatureMapLayer


class ChannelAttention(FeatureMapLayer):
    """Abstract base of `y = x * sigmoid(z)`, with one logit per channel.

    Subclasses define `logits(inputs, training)`, which returns `z` as
    `(batch, channels)` in float32 or wider. Subclasses are final.

    With `identity_start=True` the gate is `2 * sigmoid(z)`, and subclasses
    initialise the last weights before `z` to 0. The gate then starts at exactly
    1, so that inserting the layer does not change a trained network. Its
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
        """Returns the gates in inference, `(batch, channels)`."""
        return self._gates(self.receive(inputs), training=False)

    def _gates(self, inputs: Tensor, training: bool) -> Tensor:
        gates = ops.sigmoid(self.logits(inputs, training))
        return 2.0 * gates if self.identity_start else gates

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "identity_start": self.identity_start}
