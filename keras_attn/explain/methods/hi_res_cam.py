from typing import Any

from keras_attn.explain.methods.base import ClassActivationMap


class HiResCAM(ClassActivationMap):
    """Features times gradients, position by position.

    `L = ReLU(sum_k dy / dA^k * A^k)`

    Where the score is linear in the features, the map is the contribution of
    each position to the score, which Grad-CAM blurs by averaging gradients.
    For a head of global average pooling and one Dense layer, both methods are
    the same.

    Takes the arguments of `keras_attn.explain.ClassActivationMap`.

    Reference: Draelos and Carin, 2020,
        [arXiv:2011.08891](https://arxiv.org/abs/2011.08891).

    Example:

    >>> inputs = keras.Input((32, 32, 3))
    >>> x = keras.layers.Conv2D(8, 3, activation="relu", name="conv")(inputs)
    >>> x = keras.layers.Flatten()(x)
    >>> model = keras.Model(inputs, keras.layers.Dense(3)(x))
    >>> cam = keras_attn.explain.HiResCAM(model, "conv")
    >>> cam(np.random.default_rng(0).random((2, 32, 32, 3))).shape
    (2, 32, 32)
    """

    def weights(self, features: Any, gradients: Any) -> Any:
        return gradients
