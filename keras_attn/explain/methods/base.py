"""What all class activation maps share."""

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
# What the maps of given evidence do not depend on.
_NOT_COMPILED = ("network", "layers", "call_index", "reshape")


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
    tensor added to the output of the layer, and the score is differentiated
    by that. The model is never written to, so that other threads may use it
    meanwhile; `keras_attn.explain.Network` says what is compiled, and when.
    What is explained is the score before a softmax or sigmoid at the end;
    probabilities made in another way are explained as they are, with a
    warning. A map that is 0 everywhere comes with a warning that says why.

    Reference: order of the steps as in pytorch-grad-cam,
        [github.com](https://github.com/jacobgil/pytorch-grad-cam).

    Args:
        model: A built `keras.Model`, or a `keras_attn.explain.Network`.
        layer: Name, path into nested models (`"inner/conv5"`), layer object,
            or a list of these. `None` is the last feature map that the
            output comes from; on tokens, the last one whose positions the
            score depends on, and none inside of an attention block.
        output: Index or name of the output, if the model has several.
        image: Index or name of the image, if the model takes several. `None`
            for the one that the layer depends on.
        call_index: Which call of a layer that is called several times, in
            the order in which the model runs them; of branches side by side,
            Keras may run the second one first. `None` for the last one that
            depends on the image, and that the output comes from if `layer`
            is `None`.
        reshape: Function of the layer's output, a tensor, that returns
            it as `(batch, height, width, channels)`, for tokens in an unusual
            order. `None` for maps, and tokens behind at most 8 others.
        data_format: `"channels_last"` or `"channels_first"`; `None` for that
            of the model's layers.
        sign_correction: For principal components, whose sign is arbitrary:
            `True` for the one with which the map is positive where the sum of
            the (weighted) features is above its mean; `False` for that of
            NumPy's SVD, as in pytorch-grad-cam.

    Call arguments:
        images: What the model takes, preprocessed as it wants it: a batch of
            images, in whatever range, or a nest of arrays with images among
            them.
        targets: What is explained: a class index for each image or for all,
            `None` for the class with the highest score, a
            `keras_attn.explain.MaskedMean`, or a callable that makes one
            score an image, `(batch,)`, of the model's output. Of a map of
            scores, the mean of a class over all positions. A single sigmoid
            unit has the classes 0 and 1: class 0 is its negated score.
        batch_size: How many images are run at once.
        aug_smooth: Whether to average over the image and its mirror image, at
            0.9, 1 and 1.1 times their values: smoother maps, six passes, and
            a maximum that may be below 1.
        eigen_smooth: Whether to take the first principal component of the
            weighted features instead of their sum.

    Returns:
        float32 NumPy array `(batch, height, width)` in [0, 1].

    Raises:
        ValueError: If the layer is not in the model or outputs no map, a
            target is out of range, the images do not fit or are not finite,
            or `image` has to be chosen.
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
    # Whether the map always is a principal component.
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
                "`reshape` must come with the `layer` whose output it is for. "
                "Received: layer=None"
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
        """Returns maps `(batch, height, width)` in [0, 1], in float32."""
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
        """Runs the model on one batch, and back where gradients are used.

        To be overridden by a method that runs it more often, or makes its
        weights of something else than features and gradients.
        """
        run = self.network.forward
        if self.uses_gradients:
            run = self.network.gradients
        found = run(inputs, target, places)
        return Evidence(found.features, found.gradients, [], found.classes)

    def weights(self, features: Any, gradients: Any) -> Any:
        """Returns `w`, to be multiplied with the features.

        Args:
            features: `A`, `(batch, height, width, channels)` in float32.
            gradients: `dy / dA`, of the same shape; `None` for a method with
                `uses_gradients = False`.

        Returns:
            Of that shape, or with 1 instead of height and width.
        """
        raise NotImplementedError

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

    def places(
        self, inputs: Inputs, target: Target
    ) -> tuple[Inputs, list[Place]]:
        """Returns the feature maps that are looked at, and their image."""
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
                    # The first is the image itself: the others explain the
                    # same class.
                    target = pinned(classes)
        return total / np.float32(2 * len(_FACTORS)), reasons

    def _maps(
        self, inputs: Inputs, target: Target, places: list[Place], eigen: bool
    ) -> tuple[np.ndarray, Any, np.ndarray]:
        """Returns maps of one batch, why one is black, and their classes."""
        found = self.evidence(inputs, target, places)
        maps, reasons = self._merged(inputs, eigen)(*found[:3])
        return ops.convert_to_numpy(maps), reasons, found.classes

    def _merged(self, inputs: Inputs, eigen: bool) -> Callable:
        """Returns what makes maps of evidence, compiled."""
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
        """Returns what the maps of given evidence depend on."""
        own = {k: v for k, v in vars(self).items() if k not in _NOT_COMPILED}
        return type(self), {
            k: v._settings() if isinstance(v, ClassActivationMap) else v
            for k, v in own.items()
        }

    def _weak(self) -> "ClassActivationMap":
        """Returns the same, for what is compiled: it keeps no model alive."""
        copied = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, ClassActivationMap):
                setattr(copied, name, value._weak())
        copied.network = self.network.weak()
        return copied
