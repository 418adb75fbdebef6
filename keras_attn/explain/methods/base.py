"""The base class of class activation maps."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attn import backend
from keras_attn.explain.methods import black
from keras_attn.explain.methods.arguments import Layer
from keras_attn.explain.methods.evidence import Evidence
from keras_attn.explain.running import fingerprint
from keras_attn.explain.running.batches import in_batches
from keras_attn.explain.running.feature_maps import Place, Reshape
from keras_attn.explain.running.inputs import Inputs
from keras_attn.explain.running.network import Network
from keras_attn.explain.running.places import find_layers, find_places
from keras_attn.explain.running.targets import (
    Target,
    best_class,
    pinned,
    resolve,
)
from keras_attn.ops import heatmaps, principal_component
from keras_attn.ops.interpolation import resize

_FACTORS = (1.0, 0.9, 1.1)
# Attributes that do not affect the maps of given evidence.
_NOT_COMPILED = ("network", "layers", "call_index", "reshape")


class ClassActivationMap:
    """Abstract base class for class activation maps.

    A map is `L = ReLU(sum_k w_k A^k)`, where `A^k` are the feature maps of a
    layer. Methods differ in the weights `w`. To implement a new method,
    subclass this class and define `weights(features, gradients)`.

    The map is scaled to [0, 1] at the layer's resolution, resized to the
    image (bilinear, half-pixel centres), averaged over the layers and scaled
    again. Scaling is `(m - min m) / (max m - min m + 1e-7)`, so a map without
    contrast becomes 0 everywhere.

    Any built model works: functional, sequential or subclassed, nested or
    loaded, frozen or not, and in mixed precision. The model runs with a zero
    tensor added to the layer's output, and the score is differentiated with
    respect to this tensor. Nothing is written to the model, so other threads
    may use it at the same time. `keras_attn.explain.Network` describes what is
    compiled and when.

    If the model ends in a softmax or sigmoid, the score before it is
    explained. Probabilities computed in another way are explained directly,
    with a warning. A warning also states why a map is 0 everywhere.

    Reference: the order of the steps follows pytorch-grad-cam,
        [github.com](https://github.com/jacobgil/pytorch-grad-cam).

    Args:
        model: A built `keras.Model`, or a `keras_attn.explain.Network`.
        layer: Name, path into nested models (`"inner/conv5"`), layer object,
            or a list of these. `None` selects the last feature map on the way
            to the output. For tokens, it selects the last layer whose
            positions affect the score, and never one inside an attention
            block. Defaults to `None`.
        output: Index or name of the output, if the model has several.
        image: Index or name of the image, if the model takes several. `None`
            selects the one that the layer depends on. Defaults to `None`.
        call_index: Index of the call, for a layer that is called several
            times, in the order in which the model runs the calls. Keras may
            run parallel branches in either order. `None` selects the last
            call that depends on the image and, if `layer` is `None`, leads to
            the output. Defaults to `None`.
        reshape: Function that turns the layer's output, a tensor, into
            `(batch, height, width, channels)`, for tokens in an unusual
            order. Not needed for maps, or for tokens that follow at most 16
            extra tokens. Defaults to `None`.
        data_format: `"channels_last"`, `"channels_first"`, or `None` for the
            format of the model's layers. Defaults to `None`.
        sign_correction: How to choose the sign of principal components, which
            is arbitrary. `True` makes the map correlate positively with the
            sum of the (weighted) features. `False` keeps the sign of NumPy's
            SVD, as in pytorch-grad-cam. Defaults to `True`.

    Call arguments:
        images: The model's input, preprocessed as the model expects: a batch
            of images in any range, or a nest of arrays that includes images.
        targets: The score to explain: a class index for each image or for
            all, `None` for the class with the highest score, a
            `keras_attn.explain.MaskedMean`, or a callable that maps the
            model's output to one score per image, `(batch,)`. For a map of
            scores, a class means its average over all positions. A single
            sigmoid unit has the classes 0 and 1, and class 0 is its negated
            score. Defaults to `None`.
        batch_size: Number of images that are run at once. Defaults to 32.
        aug_smooth: Whether to average over the image and its mirror image, at
            0.9, 1 and 1.1 times their values. This gives smoother maps, takes
            six passes, and may lower the maximum below 1. Defaults to
            `False`.
        eigen_smooth: Whether to use the first principal component of the
            weighted features instead of their sum. Defaults to `False`.

    Returns:
        float32 NumPy array `(batch, height, width)` in [0, 1].

    Raises:
        ValueError: If the layer is not in the model or does not output a map,
            a target is out of range, the images do not fit or are not finite,
            or `image` is ambiguous.
        RuntimeError: If another thread trains the model, on JAX.

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
    # Whether the map is always a principal component.
    principal = False

    def __init__(
        self,
        model: keras.Model | Network,
        layer: Layer = None,
        *,
        output: int | str | None = None,
        image: int | str | None = None,
        call_index: int | None = None,
        reshape: Reshape | None = None,
        data_format: str | None = None,
        sign_correction: bool = True,
    ):
        self.network = Network.of(model, output, data_format, image)
        self.layers = find_layers(self.network.model, layer)
        if reshape is not None and layer is None:
            raise ValueError(
                "`reshape` must be combined with the `layer` whose output it "
                "reshapes. Received: layer=None"
            )
        self.call_index = call_index
        self.reshape = reshape
        self.sign_correction = sign_correction

    @backend.apart
    def __call__(
        self,
        images: Any,
        targets: Any = None,
        batch_size: int = 32,
        *,
        aug_smooth: bool = False,
        eigen_smooth: bool = False,
    ) -> np.ndarray:
        """Returns float32 maps `(batch, height, width)` in [0, 1]."""
        inputs = self.network.check(images, batch_size)
        trace = self.network.trace(inputs)
        target = resolve(targets, len(inputs), trace.classes)
        inputs, places = self.places(inputs, target)
        look = self._smoothed if aug_smooth else self._maps

        def function(indices: np.ndarray) -> tuple[Any, Any]:
            part, chosen = inputs.take(indices), target.take(indices)
            return look(part, chosen, places, eigen_smooth)[:2]

        maps, reasons = in_batches(len(inputs), batch_size, function)
        if not self.network.is_altered:
            black.warn(maps, reasons, [place.path for place in places])
        return maps

    def evidence(
        self, inputs: Inputs, target: Target, places: Sequence[Place]
    ) -> Evidence:
        """Runs the model on one batch, with gradients if they are used.

        Override this in a method that runs the model more often, or computes
        its weights from more than features and gradients.
        """
        run = self.network.forward
        if self.uses_gradients:
            run = self.network.gradients
        found = run(inputs, target, places)
        return Evidence(found.features, found.gradients, [], found.classes)

    def weights(self, features: Any, gradients: Any) -> Any:
        """Returns the weights `w` that multiply the features.

        Args:
            features: `A`, `(batch, height, width, channels)` in float32.
            gradients: `dy / dA`, of the same shape, or `None` for a method
                with `uses_gradients = False`.

        Returns:
            A tensor of the same shape, or with height and width 1.
        """
        raise NotImplementedError

    def combine(self, weighted: Any, eigen: bool) -> Any:
        """Combines weighted feature maps into one map."""
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

    def places(
        self, inputs: Inputs, target: Target
    ) -> tuple[Inputs, list[Place]]:
        """Returns the inputs, and the feature maps to explain."""
        chosen = self.layers, self.call_index, self.reshape
        return find_places(self.network, inputs, target, *chosen)

    def _smoothed(
        self, inputs: Inputs, target: Target, places: list[Place], eigen: bool
    ) -> tuple[np.ndarray, Any]:
        """Averages over the image and its mirror image, at three contrasts."""
        total: Any = 0.0
        reasons = None
        for given in (inputs, inputs.mirror()):
            for factor in _FACTORS:
                part = given.with_images(given.images * np.float32(factor))
                maps, found, classes = self._maps(part, target, places, eigen)
                total = total + (maps[:, :, ::-1] if given.mirrored else maps)
                reasons = found if reasons is None else reasons
                if target.function is best_class:
                    # All variants explain the class of the original image.
                    target = pinned(classes)
        return total / np.float32(2 * len(_FACTORS)), reasons

    def _maps(
        self, inputs: Inputs, target: Target, places: list[Place], eigen: bool
    ) -> tuple[np.ndarray, Any, np.ndarray]:
        """Returns the maps of one batch, reasons for 0, and the classes."""
        found = self.evidence(inputs, target, places)
        maps, reasons = self._merged(inputs, eigen)(*found[:3])
        return ops.convert_to_numpy(maps), reasons, found.classes

    def _merged(self, inputs: Inputs, eigen: bool) -> Callable:
        """Returns a compiled function from evidence to maps."""
        size = inputs.size

        def make() -> Callable:
            weak = self._weak()

            def function(
                features: list[Any], gradients: list[Any], weights: list[Any]
            ) -> tuple[Any, Any]:
                read = gradients or weights
                if not weights:
                    slopes = gradients or [None] * len(features)
                    weights = list(map(weak.weights, features, slopes))
                maps = [
                    weak.combine(w * a, eigen)
                    for w, a in zip(weights, features, strict=True)
                ]
                return weak.finish(maps, size), black.reasons(maps, read)

            if not self.sign_correction:
                return function  # NumPy cannot be compiled.
            return backend.inference(function)

        key = "maps", size, eigen, fingerprint.of(self._settings())
        return self.network.remembered(inputs, key, make)

    def _settings(self) -> tuple:
        """Returns the settings that affect the maps of given evidence."""
        own = {k: v for k, v in vars(self).items() if k not in _NOT_COMPILED}
        return type(self), {
            k: v._settings() if isinstance(v, ClassActivationMap) else v
            for k, v in own.items()
        }

    def _weak(self) -> "ClassActivationMap":
        """Returns a copy for compiled code that keeps no model alive."""
        copied = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, ClassActivationMap):
                setattr(copied, name, value._weak())
        copied.network = self.network.weak()
        return copied
