from typing import Any

from keras_attn.explain.methods.base import ClassActivationMap


class EigenGradCAM(ClassActivationMap):
    """First principal component of features times gradients.

    `L = ReLU(R v_1)` as in Eigen-CAM, with the channels `dy / dA^k * A^k`
    instead of `A^k`, which makes the map specific to a class.

    The sign of a singular vector is arbitrary. Here it is chosen so that the
    map correlates positively with the sum of the channels, on every backend.
    `sign_correction=False` keeps the sign of NumPy's SVD, as in
    pytorch-grad-cam.

    Takes the arguments of `keras_attn.explain.ClassActivationMap`.

    Reference: Gildenblat et al., "pytorch-grad-cam", 2021,
        [github.com](https://github.com/jacobgil/pytorch-grad-cam), which
        introduced the method. There is no paper.

    Example:

    >>> inputs = keras.Input((32, 32, 3))
    >>> x = keras.layers.Conv2D(8, 3, activation="relu")(inputs)
    >>> x = keras.layers.GlobalAveragePooling2D()(x)
    >>> model = keras.Model(inputs, keras.layers.Dense(3)(x))
    >>> cam = keras_attn.explain.EigenGradCAM(model)
    >>> cam(np.random.default_rng(0).random((2, 32, 32, 3))).shape
    (2, 32, 32)
    """

    principal = True

    def weights(self, features: Any, gradients: Any) -> Any:
        return gradients
