from typing import Any, Unpack

import keras
from keras import ops

from keras_attn.checks import number
from keras_attn.explain.methods.arguments import Layer, MapArguments
from keras_attn.explain.methods.base import ClassActivationMap
from keras_attn.explain.methods.grad_cam import GradCAM
from keras_attn.explain.running.network import Network
from keras_attn.ops import conceptor


class ConceptorCAM(ClassActivationMap):
    """Features filtered by evidence for the class and not against it.

    **Reimplemented from the paper's description, unverified**: only the
    abstract was available, and no code. The implementation is verified
    against conceptor algebra, not against the authors' results.

    With the weights `w` of another method, the evidence for the class is
    `X = ReLU(w A)` and the evidence against it `Y = ReLU(-w A)`. Both are
    matrices of channels by positions, divided by the root mean square of
    `w A`. Their correlations `R` and `S` define the conceptors
    `C = R (R + a^-2 I)^-1` and `B = S (S + a^-2 I)^-1`. The map is
    `L = ReLU(sum_k ((C and not B) X)_k)`, where `C and not B` is
    `(C^-1 + (I - B)^-1 - I)^-1`. The linear system that is solved has one
    unknown per position, or per channel if there are fewer channels.

    Reference: Qian et al., "Conceptor Learning for Class Activation Mapping",
        2022, [arXiv:2201.08636](https://arxiv.org/abs/2201.08636).

    Args:
        model: As for `keras_attn.explain.ClassActivationMap`.
        layer: As for `keras_attn.explain.ClassActivationMap`.
        base: The method that computes the weights, a subclass of
            `keras_attn.explain.ClassActivationMap` that uses gradients.
            Defaults to `keras_attn.explain.GradCAM`.
        aperture: `a`, how much the conceptors let through: only the most
            frequent pattern near 0, everything far above 1. It is at most 10,
            since float32 cannot resolve the overlap of wider conceptors.
            Defaults to 1.
        **kwargs: Arguments of `keras_attn.explain.ClassActivationMap`.

    Raises:
        ValueError: If `aperture` is not in (0, 10], or `base` is not such a
            class.

    Example:

    >>> inputs = keras.Input((32, 32, 3))
    >>> x = keras.layers.Conv2D(8, 3, activation="relu")(inputs)
    >>> x = keras.layers.GlobalAveragePooling2D()(x)
    >>> model = keras.Model(inputs, keras.layers.Dense(3)(x))
    >>> explain = keras_attn.explain
    >>> cam = explain.ConceptorCAM(model, base=explain.LayerCAM)
    >>> cam(np.random.default_rng(0).random((2, 32, 32, 3))).shape
    (2, 32, 32)
    """

    def __init__(
        self,
        model: keras.Model | Network,
        layer: Layer = None,
        *,
        base: type[ClassActivationMap] = GradCAM,
        aperture: float = 1.0,
        **kwargs: Unpack[MapArguments],
    ) -> None:
        super().__init__(model, layer, **kwargs)
        known = isinstance(base, type) and issubclass(base, ClassActivationMap)
        if (
            not known
            or not base.uses_gradients
            or base in (ClassActivationMap, ConceptorCAM)
        ):
            raise ValueError(
                "`base` must be a method that weights feature maps with "
                f"gradients, such as GradCAM. Received: base={base!r}"
            )
        fix = "float32 cannot resolve wider conceptors"
        aperture = number("aperture", aperture, above=0, most=10, fix=fix)
        self.base = base(self.network)
        self.aperture = float(aperture)

    def weights(self, features: Any, gradients: Any) -> Any:
        return self.base.weights(features, gradients)

    def combine(self, weighted: Any, eigen: bool) -> Any:
        if eigen:
            raise ValueError(
                "`eigen_smooth` must be False for ConceptorCAM, which combines "
                "the channels in its own way. Received: eigen_smooth=True"
            )
        height, width, channels = weighted.shape[1:]
        columns = ops.reshape(weighted, (-1, height * width, channels))
        columns = ops.transpose(columns, (0, 2, 1))
        size = ops.mean(columns**2, axis=(1, 2), keepdims=True)
        columns = columns / ops.sqrt(ops.where(size > 0, size, 1.0))
        return ops.reshape(
            conceptor.filter_evidence(
                ops.maximum(columns, 0.0),
                ops.maximum(-columns, 0.0),
                self.aperture,
            ),
            (-1, height, width),
        )
