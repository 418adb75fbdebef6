from collections.abc import Sequence
from typing import Any, Unpack

import keras
import numpy as np
from keras import ops

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
)
from keras_attn.explain.running.trace import Trace
from keras_attn.ops import heatmaps
from keras_attn.ops.interpolation import resize


class CAM(ClassActivationMap):
    """Class activation mapping: feature maps weighted by the last layer.

    `L = sum_k w_kc A^k`, for models that end in global average pooling and
    one Dense layer (or 1x1 convolution) with the kernel `w`. The score is
    then `y_c = sum_k w_kc mean_ij A_ij^k + b_c`, which is checked for each
    image. For such a model, `GradCAM` returns the same map up to scale and
    ReLU, and it also works for all other models.

    Reference: Zhou et al., "Learning Deep Features for Discriminative
        Localization", CVPR 2016, equation 2,
        [arXiv:1512.04150](https://arxiv.org/abs/1512.04150).

    Args:
        model: As for `keras_attn.explain.ClassActivationMap`.
        layer: As for `keras_attn.explain.ClassActivationMap`.
        relu: Whether negative values become 0 before the map is scaled, as in
            Grad-CAM. Without it, the map is 0 where the evidence against the
            class is strongest. Defaults to `False`, as in the paper.
        **kwargs: Arguments of `keras_attn.explain.ClassActivationMap`.

    Raises:
        ValueError: If the model does not end in such layers, or the targets
            are not class indices.

    Example:

    >>> inputs = keras.Input((32, 32, 3))
    >>> x = keras.layers.Conv2D(8, 3, activation="relu")(inputs)
    >>> x = keras.layers.GlobalAveragePooling2D()(x)
    >>> model = keras.Model(inputs, keras.layers.Dense(3)(x))
    >>> cam = keras_attn.explain.CAM(model)
    >>> cam(np.random.default_rng(0).random((2, 32, 32, 3))).shape
    (2, 32, 32)
    """

    uses_gradients = False

    def __init__(
        self,
        model: keras.Model | Network,
        layer: Layer = None,
        *,
        relu: bool = False,
        **kwargs: Unpack[MapArguments],
    ):
        super().__init__(model, layer, **kwargs)
        self.relu = relu

    def evidence(
        self, inputs: Inputs, target: Target, places: Sequence[Place]
    ) -> Evidence:
        """Runs the model and finds the weights of the classes."""
        if not is_of_classes(target):
            raise ValueError(
                "`targets` must be class indices or None for CAM. Received: "
                "a different kind of target"
            )
        found = self.network.forward(inputs, Target(every_class), places)
        classes = target.arrays[0] if target.arrays else found.classes
        trace = self.network.trace(inputs)
        weights = []
        for place, features in zip(places, found.features, strict=True):
            kernel = self._kernel(trace, place, features, found.scores)
            chosen = kernel.T[classes][:, None, None]
            weights.append(ops.convert_to_tensor(chosen))
        return Evidence(found.features, [], weights, classes)

    def finish(self, maps: list[Any], size: tuple[int, int]) -> Any:
        if self.relu:
            return super().finish(maps, size)
        maps = [resize(heatmaps.normalize(each), size) for each in maps]
        return heatmaps.normalize(sum(maps) / len(maps))

    def _kernel(
        self, trace: Trace, place: Place, features: Any, scores: np.ndarray
    ) -> np.ndarray:
        """Returns the kernel that maps the mean features to the scores."""
        means = ops.convert_to_numpy(ops.mean(features, axis=(1, 2)))
        if trace.two_sided:
            scores = scores[:, 1:]
        shape = means.shape[1], scores.shape[1]
        for call in reversed(trace.calls):
            layer = call.operation
            kernel = getattr(layer, "kernel", None)
            if kernel is None:
                continue
            kernel = self._numbers(kernel)
            if kernel.size != shape[0] * shape[1]:
                continue
            kernel = kernel.reshape(shape)
            bias = getattr(layer, "bias", None)
            expected = means @ kernel
            if bias is not None:
                expected = expected + self._numbers(bias)
            half = layer.compute_dtype in ("float16", "bfloat16")
            close = (3e-2 if half else 1e-3) * np.abs(scores).max()
            if np.allclose(scores, expected, rtol=0.0, atol=close):
                if trace.two_sided:
                    return np.concatenate([-kernel, kernel], axis=1)
                return kernel
        raise ValueError(
            "`model` must end in global average pooling of the layer and one "
            f"Dense layer. Received: the model {self.network.model.name!r}, "
            "whose scores are not computed in this way from the layer "
            f"{place.path!r}. Use GradCAM, which works for any model"
        )

    def _numbers(self, variable: keras.Variable) -> np.ndarray:
        values = zip(
            self.network.model.variables, self.network.values(), strict=True
        )
        for each, value in values:
            if each is variable:
                variable = value
        return ops.convert_to_numpy(variable).astype("float32")
