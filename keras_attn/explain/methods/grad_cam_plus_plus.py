from collections.abc import Iterator, Sequence
from typing import Any, Unpack

import keras
import numpy as np
from keras import ops

from keras_attn.checks import one_of
from keras_attn.explain.methods.arguments import Layer, MapArguments
from keras_attn.explain.methods.base import ClassActivationMap
from keras_attn.explain.methods.evidence import Evidence
from keras_attn.explain.running.feature_maps import Place
from keras_attn.explain.running.inputs import Inputs
from keras_attn.explain.running.network import Network
from keras_attn.explain.running.targets import (
    Target,
    every_class,
    is_of_classes,
    pinned,
)

MODES = ("closed_form", "exact")


class GradCAMPlusPlus(ClassActivationMap):
    """Grad-CAM with positive gradients weighted by a coefficient `a`.

    `w_k = sum_ij a_ij^k ReLU(dY / dA_ij^k)`, with (equation 10)
    `a = d2Y/dA2 / (2 d2Y/dA2 + (sum_pq A_pq^k) d3Y/dA3)`, and 0 where that is
    0 / 0. It finds several objects of a class where Grad-CAM finds one.

    - `mode="closed_form"`: equation 19, which most implementations compute.
      With `g = dy / dA` for the score `y` before softmax,
      `a = g^2 / (2 g^2 + (sum A) g^3 + 1e-6)`. It holds for `Y = exp(y)`,
      which is not the output of a model. For gradients far below 1e-3, which
      are typical of large maps, the `1e-6` dominates the gradients.
    - `mode="exact"`: equation 10 for the probability `Y`, softmax or sigmoid,
      without a constant. `u_k = g_k - g_c` are the gradients of all scores
      minus the gradient of the class's score. Their moments under the
      probabilities are `m = E u`, `v = E u^2 - m^2` and
      `k = E u^3 - 3 m E u^2 + 2 m^3`. Then `dY = -Y m`,
      `d2Y = Y (m^2 - v)` and `d3Y = Y (-m^3 + 3 m v - k)`. These are the
      derivatives if the scores are piecewise linear in the features, as with
      ReLU, pooling, normalisation and Dense layers. This mode takes one pass
      per class, and needs class indices as targets.

    Reference: Chattopadhay et al., "Grad-CAM++", WACV 2018, equations 10 and
        19, [arXiv:1710.11063](https://arxiv.org/abs/1710.11063).

    Args:
        model: As for `keras_attn.explain.ClassActivationMap`.
        layer: As for `keras_attn.explain.ClassActivationMap`.
        mode: `"closed_form"` or `"exact"`. Defaults to `"closed_form"`.
        **kwargs: Arguments of `keras_attn.explain.ClassActivationMap`.

    Raises:
        ValueError: If `mode` is unknown, or if the targets of `"exact"` are
            not class indices.

    Example:

    >>> inputs = keras.Input((32, 32, 3))
    >>> x = keras.layers.Conv2D(8, 3, activation="relu")(inputs)
    >>> x = keras.layers.GlobalAveragePooling2D()(x)
    >>> model = keras.Model(inputs, keras.layers.Dense(3)(x))
    >>> cam = keras_attn.explain.GradCAMPlusPlus(model, mode="exact")
    >>> cam(np.random.default_rng(0).random((2, 32, 32, 3))).shape
    (2, 32, 32)
    """

    def __init__(
        self,
        model: keras.Model | Network,
        layer: Layer = None,
        *,
        mode: str = "closed_form",
        **kwargs: Unpack[MapArguments],
    ):
        super().__init__(model, layer, **kwargs)
        self.mode = one_of("mode", mode, MODES)

    def weights(self, features: Any, gradients: Any) -> Any:
        total = ops.sum(features, axis=(1, 2), keepdims=True)
        second, third = gradients**2, gradients**3
        share = second / (2.0 * second + total * third + 1e-6)
        return _counted(share, gradients)

    def evidence(
        self, inputs: Inputs, target: Target, places: Sequence[Place]
    ) -> Evidence:
        """Runs the model, with a backward pass per class in exact mode."""
        found = super().evidence(inputs, target, places)
        if self.mode != "exact":
            return found
        if not is_of_classes(target):
            raise ValueError(
                "`targets` must be class indices or None with mode='exact', "
                "which uses the scores of all classes. Received: a different "
                "kind of target"
            )
        moments = [[0.0, 0.0, 0.0] for _ in places]
        for share, others in self._classes(inputs, found, places):
            for sums, own, other in zip(
                moments, found.gradients, others, strict=True
            ):
                for power in (1, 2, 3):
                    sums[power - 1] += share * (other - own) ** power
        derivatives = [_derivatives(*each) for each in moments]
        return found._replace(
            gradients=[first for first, _, _ in derivatives],
            weights=[
                exact_weights(features, *each)
                for features, each in zip(
                    found.features, derivatives, strict=True
                )
            ],
        )

    def _classes(
        self,
        inputs: Inputs,
        found: Evidence,
        places: Sequence[Place],
    ) -> Iterator[tuple[Any, list[Any]]]:
        """Yields the probability and the gradients of each score."""
        network, count = self.network, len(inputs)
        trace = network.trace(inputs)
        target = Target(every_class)
        scores = network.forward(inputs, target).scores
        if trace.classes == 1 or (trace.final and trace.final.elementwise):
            # A sigmoid is the softmax of a score and 0.
            own = scores[np.arange(count), found.classes]
            share = ops.sigmoid(ops.convert_to_tensor(-own))
            yield (
                ops.reshape(share, (-1, 1, 1, 1)),
                [ops.zeros_like(each) for each in found.gradients],
            )
            return
        shares = ops.softmax(ops.convert_to_tensor(scores), axis=1)
        for index in range(scores.shape[1]):
            one = pinned(np.full(count, index, "int32"))
            run = network.gradients(inputs, one, places)
            yield ops.reshape(shares[:, index], (-1, 1, 1, 1)), run.gradients


def exact_weights(features: Any, first: Any, second: Any, third: Any) -> Any:
    """Computes the weights of equation 10 from three derivatives."""
    divisor = 2.0 * second + third * ops.sum(
        features, axis=(1, 2), keepdims=True
    )
    some = divisor != 0.0
    share = ops.where(some, second / ops.where(some, divisor, 1.0), 0.0)
    return _counted(share, first)


def _counted(share: Any, first: Any) -> Any:
    return ops.sum(share * ops.maximum(first, 0.0), axis=(1, 2), keepdims=True)


def _derivatives(mean: Any, square: Any, cube: Any) -> tuple[Any, Any, Any]:
    """Returns a probability's derivatives, divided by it, from moments."""
    variance = square - mean**2
    skew = cube - 3.0 * mean * square + 2.0 * mean**3
    third = -(mean**3) + 3.0 * mean * variance - skew
    return -mean, mean**2 - variance, third
