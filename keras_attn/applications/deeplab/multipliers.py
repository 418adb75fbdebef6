"""An optimizer with learning rate multipliers for some layers."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_attn import checks


@keras.saving.register_keras_serializable(package="keras_attn")
class SGD(keras.optimizers.SGD):
    """Stochastic gradient descent with learning rate multipliers.

    `m = momentum * m - learning_rate * multiplier * gradient`, `w = w + m`.
    With multipliers, new layers on top of a trained network learn faster than
    the rest, ten times in DeepLab. The multiplier is applied to the gradient,
    which is equivalent and keeps Keras' own training steps on each backend.

    Reference: Chen et al., "Semantic Image Segmentation with Deep
    Convolutional Nets and Fully Connected CRFs", ICLR 2015
    (https://arxiv.org/abs/1412.7062). Keras' weight decay is decoupled from
    gradient and momentum, and does not use the multipliers.

    Args:
        learning_rate: Number, schedule or callable. Defaults to `0.001`.
        momentum: Number in [0, 1]. Defaults to `0.9`.
        weight_decay: Number, or `None` for no decay. Defaults to `0.0005`.
        multipliers: Dict from layer names to non-negative factors of the
            learning rate. A name also applies to names that continue with
            `_`, such as those of one classifier per scale. Names that a model
            does not have are ignored. Defaults to `{"classifier": 10}`.
        **kwargs: Arguments of `keras.optimizers.SGD`. Clipping, such as with
            `clipnorm`, is applied after the multipliers.

    Raises:
        ValueError: If `multipliers` is not such a dict.

    Example:

    >>> optimizer = keras_attn.applications.deeplab.SGD(
    ...     0.1, momentum=0.0, weight_decay=None, multipliers={"last": 10}
    ... )
    >>> first = keras.layers.Dense(1, kernel_initializer="ones", name="first")
    >>> last = keras.layers.Dense(1, kernel_initializer="ones", name="last")
    >>> first.build((None, 1)), last.build((None, 1))
    (None, None)
    >>> optimizer.apply([np.ones((1, 1))] * 2, [first.kernel, last.kernel])
    >>> [round(float(w.numpy()[0, 0]), 4) for w in (first.kernel, last.kernel)]
    [0.9, 0.0]
    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        momentum: float = 0.9,
        weight_decay: float | None = 5e-4,
        multipliers: dict[str, float] | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            learning_rate=learning_rate,
            momentum=momentum,
            weight_decay=weight_decay,
            **kwargs,
        )
        if multipliers is None:
            multipliers = {"classifier": 10}
        if not isinstance(multipliers, dict) or not all(
            isinstance(name, str) for name in multipliers
        ):
            raise ValueError(
                "`multipliers` must be a dict from layer names to non-negative "
                f"numbers. Received: multipliers={multipliers!r}"
            )
        self.multipliers = {
            name: checks.number(f"multipliers[{name!r}]", value, least=0)
            for name, value in multipliers.items()
        }
        self._factors: list[float] = []

    def build(self, variables: Sequence[keras.Variable]) -> None:
        self._factors = [self._factor(variable) for variable in variables]
        super().build(variables)

    def apply(
        self,
        grads: Sequence[Any],
        trainable_variables: Sequence[keras.Variable] | None = None,
    ) -> Any:
        if trainable_variables is None:
            factors = self._factors
        else:
            factors = [self._factor(v) for v in trainable_variables]
        grads = [
            gradient
            if factor == 1 or gradient is None
            else keras.ops.multiply(gradient, factor)
            for gradient, factor in zip(grads, factors, strict=True)
        ]
        return super().apply(grads, trainable_variables)

    def _factor(self, variable: keras.Variable) -> float:
        """Returns the product of the multipliers of a variable's layers."""
        factor = 1
        for part in variable.path.split("/"):
            for name, value in self.multipliers.items():
                if part == name or part.startswith(f"{name}_"):
                    factor *= value
        return factor

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "multipliers": self.multipliers}
