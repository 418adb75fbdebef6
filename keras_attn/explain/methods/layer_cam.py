from typing import Any

from keras import ops

from keras_attn.explain.methods.base import ClassActivationMap


class LayerCAM(ClassActivationMap):
    """Features times positive gradients, position by position.

    `L = ReLU(sum_k ReLU(dy / dA^k) * A^k)`

    Designed for early layers, which have fine maps and gradients that vary
    between positions. The paper sharpens the maps of several layers with
    `tanh` before combining them. Here they are averaged, as in all methods.

    Takes the arguments of `keras_attn.explain.ClassActivationMap`.

    Reference: Jiang et al., "LayerCAM", IEEE TIP 2021,
        [doi:10.1109/TIP.2021.3089943](
        https://doi.org/10.1109/TIP.2021.3089943).

    Example:

    >>> inputs = keras.Input((32, 32, 3))
    >>> x = keras.layers.Conv2D(8, 3, activation="relu", name="early")(inputs)
    >>> x = keras.layers.Conv2D(8, 3, activation="relu", name="late")(x)
    >>> x = keras.layers.GlobalMaxPooling2D()(x)
    >>> model = keras.Model(inputs, keras.layers.Dense(3)(x))
    >>> cam = keras_attn.explain.LayerCAM(model, ["early", "late"])
    >>> cam(np.random.default_rng(0).random((2, 32, 32, 3))).shape
    (2, 32, 32)
    """

    def weights(self, features: Any, gradients: Any) -> Any:
        return ops.maximum(gradients, 0.0)
