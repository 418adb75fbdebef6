"""What all class activation maps share."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attn import backend
from keras_attn.explain import structure
from keras_attn.explain.feature_maps import Place, Reshape
from keras_attn.explain.inputs import Inputs, batches
from keras_attn.explain.network import Network
from keras_attn.explain.passes import Pass
from keras_attn.explain.places import last_place, place_of_layer
from keras_attn.explain.targets import (
    Target,
    best_class,
    is_of_classes,
    pinned,
    resolve,
)
from keras_attn.ops import heatmaps, principal_component
from keras_attn.ops.interpolation import resize

_FACTORS = (1.0, 0.9, 1.1)

Layer = str | keras.Operation | Sequence[str | keras.Operation] | None


class ClassActivationMap:
    """Abstract base of the methods: `L = ReLU(sum_k w_k A^k)`.

    `A^k` are the feature maps of a layer, and methods differ in the weights
    `w`: a method of your own is a subclass with `weights(features,
    gradients)`. A map is scaled to [0, 1] where the layer is, resized to the
    image (bilinear, half-pixel centres), averaged over the layers and scaled
    once more, each time as `(m - min m) / (max m - min m + 1e-7)`. A map
    without contrast becomes 0 everywhere.

    Any built model serves: functional, sequential or subclassed, nested or
    loaded, frozen or not, in mixed precision. It is run anew with a zero
    tensor added to what the layer puts out, and the score is differentiated
    by that. The model is left as it was, whatever happens. What is explained
    is the score before a softmax or sigmoid at the end.

    Reference: order of the steps as in pytorch-grad-cam,
        [github.com](https://github.com/jacobgil/pytorch-grad-cam).

    Args:
        model: A built `keras.Model`, or a `keras_attn.explain.Network`.
        layer: Name, path into nested models (`"inner/conv5"`), layer object,
            or a list of these. `None` is the last feature map; on tokens, the
            last one whose positions the score depends on.
        output: Index or name of the output, if the model has several.
        call_index: Which call of a layer that is called several times, in
            the order in which the model runs them; of branches side by side,
            Keras may run the second one first. Defaults to -1, the last.
        reshape: Function of what the layer puts out, a tensor, that returns
            it as `(batch, height, width, channels)`, for tokens in an unusual
            order. `None` for maps, and tokens behind at most 8 others.
        data_format: `"channels_last"` or `"channels_first"`; `None` for that
            of the model's layers.
        sign_correction: For principal components, whose sign is arbitrary:
            `True` for a positive largest magnitude, the same on all backends;
            `False` for the sign of NumPy's SVD, as in pytorch-grad-cam.

    Call arguments:
        images: What the model takes, preprocessed as it wants it: a batch of
            images, in whatever range, or a nest of arrays, of which the first
            one with four axes is the images.
        targets: What is explained: a class index for each image or for all,
            `None` for the class with the highest score, a
            `keras_attn.explain.MaskedMean`, or a callable that makes one
            score an image, `(batch,)`, of the model's output. Of a map of
            scores, the mean of a class over all positions.
        batch_size: How many images are run at once.
        aug_smooth: Whether to average over the image and its mirror image, at
            0.9, 1 and 1.1 times their values: smoother maps, six passes, and
            a maximum that may be below 1.
        eigen_smooth: Whether to take the first principal component of the
            weighted features in the place of their sum.

    Returns:
        float32 NumPy array `(batch, height, width)` in [0, 1].

    Raises:
        ValueError: If the layer is not in the model or puts out no map, a
            target is out of range, or the images do not fit or are not finite.

    Example:

    >>> class MostlyPositive(keras_attn.explain.ClassActivationMap):
    ...     def weights(self, features, gradients):
    ...         positive = keras.ops.maximum(gradients, 0.0)
    ...         return keras.ops.mean(positive, axis=(1, 2), keepdims=True)
    >>> model = keras_attn.applications.FERNet()
    >>> faces = np.random.default_rng(0).random((2, 48, 48, 1))
    >>> MostlyPositive(model, "stage3")(faces, targets=[0, 5]).shape
    (2, 48, 48)
    """

    uses_gradients = True
    # Whether the map always is a principal component.
    principal = False

    def __init__(
        self,
        model: keras.Model | Network,
        layer: Layer = None,
        *,
        output: int | str | None = None,
        call_index: int = -1,
        reshape: Reshape | None = None,
        data_format: str | None = None,
        sign_correction: bool = True,
    ):
        self.network = Network.of(model, output, data_format)
        self.layers = None
        if layer is not None:
            several = isinstance(layer, (list, tuple))
            layers = layer if several else [layer]
            self.layers = [
                structure.find(self.network.model, each) for each in layers
            ]
        if self.layers == []:
            raise ValueError(
                "`layer` must name one layer or more, or be None. "
                f"Received: layer={layer!r}"
            )
        if reshape is not None and layer is None:
            raise ValueError(
                "`reshape` must come with the `layer` whose output it is for. "
                "Received: layer=None"
            )
        self.call_index = call_index
        self.reshape = reshape
        self.sign_correction = sign_correction
        self._places: dict[tuple, list[Place]] = {}
        self._compiled: dict[Any, Callable] = {}

    def __call__(
        self,
        images: Any,
        targets: Any = None,
        batch_size: int = 32,
        *,
        aug_smooth: bool = False,
        eigen_smooth: bool = False,
    ) -> np.ndarray:
        """Returns maps `(batch, height, width)` in [0, 1], in float32."""
        inputs = self.network.check(images, batch_size)
        trace = self.network.trace(inputs)
        target = resolve(targets, len(inputs), trace.classes)
        places = self.places(inputs, target)
        parts = []
        for indices, count in batches(len(inputs), batch_size):
            maps = self._smoothed if aug_smooth else self._maps
            found, _ = maps(
                inputs.take(indices), target.take(indices), places, eigen_smooth
            )
            parts.append(found[:count])
        return np.concatenate(parts)

    def weights(self, features: Any, gradients: Any) -> Any:
        """Returns `w`, to be multiplied with the features.

        Args:
            features: `A`, `(batch, height, width, channels)` in float32.
            gradients: `dy / dA`, of the same shape; `None` for a method with
                `uses_gradients = False`.

        Returns:
            Of that shape, or with 1 in the place of height and width.
        """
        raise NotImplementedError

    def layer_map(self, features: Any, gradients: Any, eigen: bool) -> Any:
        """Returns the map of one layer, `(batch, height, width)`."""
        return self.combine(self.weights(features, gradients) * features, eigen)

    def combine(self, weighted: Any, eigen: bool) -> Any:
        """Returns one map of weighted feature maps."""
        if not eigen and not self.principal:
            return ops.sum(weighted, axis=3)
        if self.sign_correction:
            return principal_component.project(weighted)
        return principal_component.project_by_numpy(weighted)

    def finish(self, maps: list[Any], size: tuple[int, int]) -> Any:
        """Scales, resizes and averages the maps of the layers."""
        maps = [heatmaps.normalize(ops.maximum(each, 0.0)) for each in maps]
        maps = [resize(each, size) for each in maps]
        return heatmaps.normalize(sum(maps) / len(maps))

    def places(self, inputs: Inputs, target: Target) -> list[Place]:
        """Returns the feature maps that are looked at."""
        # Which tokens a score depends on is the same for all classes.
        score = None if is_of_classes(target) else target.function
        if (inputs.key, score) not in self._places:
            network, index = self.network, self.call_index
            if self.layers is None:
                found = [last_place(network, inputs, target)]
            else:
                found = [
                    place_of_layer(network, inputs, each, index, self.reshape)
                    for each in self.layers
                ]
            self._places[inputs.key, score] = found
        return self._places[inputs.key, score]

    def _smoothed(
        self, inputs: Inputs, target: Target, places: list[Place], eigen: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Averages over the image and its mirror image, at three contrasts."""
        total: Any = 0.0
        for mirrored in (False, True):
            for factor in _FACTORS:
                images = inputs.images * np.float32(factor)
                if mirrored:
                    images = np.flip(images, inputs.width_axis())
                maps, classes = self._maps(
                    inputs.with_images(images), target, places, eigen, mirrored
                )
                total = total + (maps[:, :, ::-1] if mirrored else maps)
                if target.function is best_class:
                    # The first is the image itself: the others explain the
                    # same class.
                    target = pinned(classes)
        return total / np.float32(2 * len(_FACTORS)), classes

    def _maps(
        self,
        inputs: Inputs,
        target: Target,
        places: list[Place],
        eigen: bool,
        mirrored: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the maps of one batch, and the classes that they are of."""
        found = self.look(inputs, target, places, mirrored)
        gradients = found.gradients or [None] * len(places)
        maps = self._merged(inputs.size, eigen)(found.features, gradients)
        return ops.convert_to_numpy(maps), found.classes

    def _merged(self, size: tuple[int, int], eigen: bool) -> Callable:
        """Returns what makes maps of features and gradients, compiled."""

        def function(features, gradients):
            pairs = zip(features, gradients, strict=True)
            maps = [self.layer_map(a, g, eigen) for a, g in pairs]
            return self.finish(maps, size)

        if not self.sign_correction:
            return function  # NumPy cannot be compiled.
        key = size, eigen
        if key not in self._compiled:
            self._compiled[key] = backend.inference(function)
        return self._compiled[key]

    def look(
        self,
        inputs: Inputs,
        target: Target,
        places: Sequence[Place],
        mirrored: bool = False,
    ) -> Pass:
        """Runs the model, and back where gradients are used."""
        if not self.uses_gradients:
            return self.network.forward(
                inputs, target, places, mirrored=mirrored
            )
        found = self.network.gradients(
            inputs, target, places, mirrored=mirrored
        )
        for place, gradient in zip(places, found.gradients, strict=True):
            if not ops.any(gradient != 0):
                warnings.warn(
                    "The score does not depend on the map that the layer "
                    f"{place.path!r} puts out: what follows reads other "
                    "tokens, or nothing of it. Choose a layer before",
                    stacklevel=2,
                )
        return found
