from typing import Any

from keras import ops

from keras_attn.explain.methods.base import ClassActivationMap


class XGradCAM(ClassActivationMap):
    """Grad-CAM with gradients averaged in proportion to the features.

    `w_k = sum_ij (dy / dA_ij^k) A_ij^k / (sum_ij A_ij^k + 1e-7)`

    Where `y` is linear in `A`, the map (before ReLU) therefore sums to the
    features' contribution to the score.

    Takes the arguments of `keras_attn.explain.ClassActivationMap`.

    Reference: Fu et al., "Axiom-based Grad-CAM", BMVC 2020,
        [arXiv:2008.02312](https://arxiv.org/abs/2008.02312).

    Example:

    >>> inputs = keras.Input((32, 32, 3))
    >>> x = keras.layers.Conv2D(8, 3, activation="relu")(inputs)
    >>> x = keras.layers.GlobalAveragePooling2D()(x)
    >>> model = keras.Model(inputs, keras.layers.Dense(3)(x))
    >>> cam = keras_attn.explain.XGradCAM(model)
    >>> cam(np.random.default_rng(0).random((2, 32, 32, 3))).shape
    (2, 32, 32)
    """

    def weights(self, features: Any, gradients: Any) -> Any:
        axes = {"axis": (1, 2), "keepdims": True}
        total = ops.sum(features, **axes)
        return ops.sum(gradients * features, **axes) / (total + 1e-7)
