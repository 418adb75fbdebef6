"""What all class activation maps share."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attn import backend
from keras_attn.explain import structure
from keras_attn.explain.feature_maps import (
    Place,
    Reshape,
    last_places,
    place_of,
)
from keras_attn.explain.inputs import Inputs, batches
from keras_attn.explain.network import Network, Pass
from keras_attn.explain.targets import Target, best_class, pinned, resolve
from keras_attn.ops import heatmaps, principal_component
from keras_attn.ops.interpolation import resize

_FACTORS = (1.0, 0.9, 1.1)

Layer = str | keras.Operation | Sequence[str | keras.Operation] | None


class ClassActivationMap:
    """Abstract base: `L = ReLU(sum_k w_k A^k)` of the feature maps `A^k`.

    Subclasses define the weights, or `layer_map` as a whole. They are final.

    A map is scaled to [0, 1] where the layer is, resized to the image
    (bilinear, half-pixel centres), averaged over the layers and scaled once
    more, each time as `(m - min m) / (max m - min m + 1e-7)`.
    """

    uses_gradients = True

    def __init__(
        self,
        model: keras.Model,
        layer: Layer = None,
        *,
        output: int | str | None = None,
        call_index: int = -1,
        reshape: Reshape | None = None,
        data_format: str | None = None,
    ):
        self.network = Network(model, output, data_format)
        self.layers = None
        if layer is not None:
            several = isinstance(layer, (list, tuple))
            layers = layer if several else [layer]
            self.layers = [structure.find(model, each) for each in layers]
        if self.layers == []:
            raise ValueError(
                "`layer` must name one layer or more, or be None. "
                f"Received: layer={layer!r}"
            )
        self.call_index = call_index
        self.reshape = reshape
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
        places = self.places(inputs)
        target = resolve(targets, len(inputs), trace.classes)
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
        if eigen:
            return principal_component.project(weighted)
        return ops.sum(weighted, axis=3)

    def finish(self, maps: list[Any], size: tuple[int, int]) -> Any:
        """Scales, resizes and averages the maps of the layers."""
        maps = [heatmaps.normalize(ops.maximum(each, 0.0)) for each in maps]
        maps = [resize(each, size) for each in maps]
        return heatmaps.normalize(sum(maps) / len(maps))

    def places(self, inputs: Inputs) -> list[Place]:
        """Returns the feature maps that are looked at."""
        if inputs.key not in self._places:
            self._places[inputs.key] = self._find_places(inputs)
        return self._places[inputs.key]

    def _find_places(self, inputs: Inputs) -> list[Place]:
        trace = self.network.trace(inputs)
        size, data_format = inputs.size, self.network.data_format
        if self.layers is None:
            places = last_places(trace, size, data_format)
            return [self._last_that_counts(inputs, places)]
        found = []
        for layer in self.layers:
            calls = [each for each in trace.calls if each.operation is layer]
            try:
                call = calls[self.call_index]
            except IndexError:
                raise ValueError(
                    f"`call_index` must be one of the {len(calls)} calls of "
                    f"the layer {layer.name!r} in the model. Received: "
                    f"call_index={self.call_index}"
                ) from None
            found.append(place_of(trace, call, size, data_format, self.reshape))
        return found

    def _last_that_counts(self, inputs: Inputs, places: list[Place]) -> Place:
        """Returns the last map whose positions the output depends on."""
        if len(places) == 1:
            return places[0]
        inputs = inputs.take([0])
        classes = self.network.trace(inputs).classes
        target = resolve(None, 1, classes)
        gradients = self.network.gradients(inputs, target, places).gradients
        for place, gradient in zip(places, gradients, strict=True):
            if ops.any(gradient != 0):
                return place
        return places[0]

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
        # What follows is compiled as well.
        key = len(places), inputs.size, eigen
        if key not in self._compiled:

            def function(features, gradients):
                pairs = zip(features, gradients, strict=True)
                maps = [self.layer_map(a, g, eigen) for a, g in pairs]
                return self.finish(maps, inputs.size)

            self._compiled[key] = backend.inference(function)
        gradients = found.gradients or [None] * len(places)
        maps = self._compiled[key](found.features, gradients)
        return ops.convert_to_numpy(maps), found.classes

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
