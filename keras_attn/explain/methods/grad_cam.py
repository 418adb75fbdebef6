from typing import Any

from keras import ops

from keras_attn.explain.methods.base import ClassActivationMap


class GradCAM(ClassActivationMap):
    """Feature maps weighted by their mean gradients.

    `L = ReLU(sum_k w_k A^k)` with `w_k = mean_ij dy / dA_ij^k`, where `y` is
    the class score before softmax. A good default: it works for any model and
    takes one pass.

    Takes the arguments of `keras_attn.explain.ClassActivationMap`.

    Reference: Selvaraju et al., "Grad-CAM", ICCV 2017, equations 1 and 2,
        [arXiv:1610.02391](https://arxiv.org/abs/1610.02391).

    Example:

    >>> model = keras_attn.applications.FERNet()
    >>> faces = np.random.default_rng(0).random((2, 48, 48, 1))
    >>> keras_attn.explain.GradCAM(model)(faces).shape
    (2, 48, 48)
    """

    def weights(self, features: Any, gradients: Any) -> Any:
        return ops.mean(gradients, axis=(1, 2), keepdims=True)
