from typing import Any

from keras import ops

from keras_attn.explain.methods.base import ClassActivationMap


class EigenCAM(ClassActivationMap):
    """First principal component of the features, without class or gradient.

    `L = ReLU(R v_1)`, where `R` holds the features as positions by channels,
    minus each channel's mean over the positions, and `v_1` is the first right
    singular vector of `R`. Targets are accepted but ignored.

    The sign of a singular vector is arbitrary. Here it is chosen so that the
    map correlates positively with the sum of the channels, on every backend.
    pytorch-grad-cam keeps the sign of NumPy's SVD, and therefore returns the
    map of `-R v_1` for some images. `sign_correction=False` does the same.

    Takes the arguments of `keras_attn.explain.ClassActivationMap`.

    Reference: Muhammad and Yeasin, "Eigen-CAM", IJCNN 2020,
        [arXiv:2008.00299](https://arxiv.org/abs/2008.00299). The paper does
        not subtract the mean; pytorch-grad-cam and this implementation do.

    Example:

    >>> inputs = keras.Input((32, 32, 3))
    >>> x = keras.layers.Conv2D(8, 3, activation="relu")(inputs)
    >>> x = keras.layers.GlobalAveragePooling2D()(x)
    >>> model = keras.Model(inputs, keras.layers.Dense(3)(x))
    >>> cam = keras_attn.explain.EigenCAM(model)
    >>> cam(np.random.default_rng(0).random((2, 32, 32, 3))).shape
    (2, 32, 32)
    """

    uses_gradients = False
    principal = True

    def weights(self, features: Any, gradients: Any) -> Any:
        return ops.ones_like(features)
