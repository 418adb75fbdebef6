from keras import ops

from keras_attn.layers.base import FeatureMapLayer


class ChannelAttention(FeatureMapLayer):
    """Abstract base: `y = x * sigmoid(z)`, one logit `z` an image and channel.

    Subclasses define `logits(inputs, training)`, which returns `z` as
    `(batch, channels)` in float32 or wider. Subclasses are final.

    With `identity_start=True` the gate is `2 * sigmoid(z)`, and subclasses
    start the last weights before `z` at 0: the gate is exactly 1 at first,
    and so the layer, put into a trained network, leaves it as it was; its
    gradient is not 0, so the gates learn.
    """

    def __init__(self, identity_start=False, **kwargs):
        super().__init__(**kwargs)
        self.identity_start = identity_start

    def call(self, inputs, training=False):
        return self.scale(inputs, self._gates(inputs, training))

    def attention(self, inputs):
        """Returns the gates, `(batch, channels)`, in inference."""
        return self._gates(self.receive(inputs), training=False)

    def _gates(self, inputs, training):
        gates = ops.sigmoid(self.logits(inputs, training))
        return 2.0 * gates if self.identity_start else gates

    def get_config(self):
        return {**super().get_config(), "identity_start": self.identity_start}
