"""Projects feature maps back to the pixels that excite them."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attn import backend
from keras_attn.checks import positive
from keras_attn.explain.features.chain import (
    NORMALIZATION,
    Chain,
    chain_to,
    is_relu,
    name_of,
)
from keras_attn.explain.features.reconstruction import Reconstruction
from keras_attn.explain.running import structure, taps
from keras_attn.explain.running.batches import in_batches
from keras_attn.explain.running.feature_maps import Place
from keras_attn.explain.running.inputs import Inputs
from keras_attn.explain.running.network import Network
from keras_attn.explain.running.places import place_of_layer
from keras_attn.explain.running.stand_ins import Change, around, setting

# Small values of a reconstruction underflow in float16.
_SCALE_OF_HALF = 1024.0


class DeconvNet:
    """Projects a feature map back to the pixels that excite it.

    From the layer down to the image, each step is reversed:

    - Max pooling puts values back where its maxima were in this image (the
      "switches"), and adds them where windows share a maximum.
    - ReLU passes on positive values of the backward signal, whatever it did
      in the forward pass.
    - Convolutions are transposed, with the same kernel and no bias.
    - Batch normalisation, average pooling and padding are linear, and are
      transposed.
    - Normalisation across channels is skipped.

    The projection starts from the positive activations of one map, either all
    of them or only the strongest.

    Up to the given layer, the model must be a chain of such layers; anything
    may follow. The model is not changed, and only compiled functions are kept
    between calls.

    Reference: Zeiler and Fergus, "Visualizing and Understanding Convolutional
        Networks", [ECCV 2014](https://arxiv.org/abs/1311.2901), section 2.1.
        It differs from a gradient in two ways: a gradient passes through a
        ReLU where the forward input was positive, and it includes the
        normalisation across channels.

    Args:
        model: A built `keras.Model`, or a `keras_attn.explain.Network`.
        data_format: `"channels_last"`, `"channels_first"`, or `None` for the
            format of the model's layers. Defaults to `None`.

    Call arguments:
        images: The model's input, preprocessed as the model expects, as for
            `keras_attn.explain.ClassActivationMap`.
        layer: Name, path into nested models, or layer object.
        channel: Integer, the index of the feature map, or one index per
            image. `None` for the map with the strongest activation in each
            image. Defaults to `None`.
        strongest: Number of activations of the map to keep, strongest first.
            Among equal activations the first one counts. `None` keeps all.
            The paper's figures use 1. Defaults to `None`.
        batch_size: Number of images that are run at once. Defaults to 32.

    Returns:
        A `keras_attn.explain.Reconstruction` with the pixels (around 0,
        without a unit), the box of the receptive field, and the channel of
        each image.

    Raises:
        ValueError: If the layer is not in the model, does not output a map,
            or is not at the end of such a chain (the error names the first
            layer that breaks it). Also if a channel is out of range, or if
            the images do not fit or are not finite.

    Example:

    >>> model = keras_attn.applications.ZFNet(include_top=False)
    >>> images = np.random.default_rng(0).normal(size=(2, 224, 224, 3))
    >>> deconvnet = keras_attn.explain.DeconvNet(model)
    >>> found = deconvnet(images, "stage2_conv", channel=7, strongest=1)
    >>> found.pixels.shape, found.channels.tolist()
    ((2, 224, 224, 3), [7, 7])
    >>> [crop.shape[2] for crop in found.crops()]
    [3, 3]
    """

    def __init__(
        self, model: keras.Model | Network, data_format: str | None = None
    ):
        self.network = Network.of(model, None, data_format)

    @backend.apart
    def __call__(
        self,
        images: Any,
        layer: str | keras.Operation,
        channel: int | Sequence[int] | None = None,
        strongest: int | None = None,
        batch_size: int = 32,
    ) -> Reconstruction:
        """Returns the reconstructions, their boxes and their channels."""
        inputs = self.network.check(images, batch_size)
        strongest = positive("strongest", strongest, optional=True)
        inputs, place, chain, run = self._prepared(inputs, layer, strongest)
        channels = _channels(channel, len(inputs), place)

        def function(indices: np.ndarray) -> tuple[Any, Any, Any]:
            tensors = inputs.take(indices).tensors()
            which = ops.convert_to_tensor(channels[indices])
            (_, (seeds, own)), (pixels,) = self.network.on_values(
                run, tensors, which
            )
            return pixels, seeds, own

        pixels, seeds, own = in_batches(len(inputs), batch_size, function)
        if inputs.data_format == "channels_first":
            pixels = np.moveaxis(pixels, 1, -1)
        scale = _SCALE_OF_HALF if place.half else 1.0
        return Reconstruction(
            pixels.astype("float32") / np.float32(scale),
            np.array([chain.box(*np.nonzero(seed)) for seed in seeds], "int64"),
            own.astype("int64"),
        )

    def _prepared(
        self,
        inputs: Inputs,
        layer: str | keras.Operation,
        strongest: int | None,
    ) -> tuple[Inputs, Place, Chain, Callable]:
        """Returns the inputs, place, chain and cached compiled function."""
        operation = structure.find(self.network.model, layer)
        inputs, place = place_of_layer(
            self.network, inputs, operation, None, None
        )
        if place.grid is not None:
            raise ValueError(
                "`layer` must output a feature map, not tokens. "
                f"Received: layer={place.path!r}"
            )
        chain = chain_to(self.network, inputs, place)

        def make() -> Callable:
            frame, weak = inputs.frame(), self.network.weak()
            compiled = backend.differentiate(
                _function(weak, frame, place, chain, strongest)
            )

            def run(
                values: list[Any], tensors: list[Any], channels: Any
            ) -> Any:
                images = [tensors[frame.chosen]]
                return compiled(images, values, tensors, channels)

            return run

        key = inputs.position, place.key, strongest
        run = self.network.remembered(inputs, ("deconvnet", *key), make)
        return inputs, place, chain, run


def _function(
    network: Network,
    frame: Inputs,
    place: Place,
    chain: Chain,
    strongest: int | None,
) -> Callable:
    """Returns the function to differentiate with respect to the images."""

    def function(
        images: list[Any], values: list[Any], leaves: list[Any], channels: Any
    ) -> tuple[Any, tuple[Any, Any]]:
        leaves = list(leaves)
        (leaves[frame.chosen],) = images
        found: list[Any] = []
        changes = _backwards(chain)
        # Last, so that it wraps any replacement of the layer's `call`.
        changes[place.operation].append(taps.keeping(place.number, found))
        network.run(values, frame.pack(leaves), changes)
        features = place.read(found[0])
        maps = ops.transpose(features, (0, 3, 1, 2))
        # Each image's strongest map if none was requested.
        best = ops.argmax(ops.max(maps, axis=(2, 3)), axis=1)
        own = ops.where(channels < 0, ops.cast(best, "int32"), channels)
        chosen = ops.one_hot(own, maps.shape[1], dtype="float32")
        maps = ops.sum(maps * chosen[:, :, None, None], axis=1)
        seeds = ops.stop_gradient(_kept(maps, strongest))
        scale = _SCALE_OF_HALF if place.half else 1.0
        return scale * ops.sum(seeds * maps), (seeds, own)

    return function


@ops.custom_gradient
def _rectified(x: Any) -> Any:
    """Applies ReLU in both the forward and the backward pass."""

    def gradient(*arguments: Any, upstream: Any = None) -> Any:
        upstream = arguments[-1] if upstream is None else upstream
        return ops.maximum(upstream, 0.0)

    return ops.relu(x), gradient


def _backwards(chain: Chain) -> dict[keras.Operation, list[Change]]:
    """Returns changes that turn the gradient into the reconstruction."""
    changes: dict[keras.Operation, list[Change]] = {}
    for call in chain.calls:
        operation = call.operation
        if operation in changes:
            continue
        own = changes.setdefault(operation, [])
        if is_relu(operation):
            own.append(around(_rectified_as))
        elif getattr(operation, "activation", None) is keras.activations.relu:
            own.append(setting(activation=_rectified))
        elif name_of(operation) == NORMALIZATION:
            own.append(around(_passed))
    return changes


def _rectified_as(call: Callable, x: Any, *args: Any, **kwargs: Any) -> Any:
    """Runs a ReLU, possibly capped, with ReLU in the backward pass."""
    y = _rectified(x)
    return y + ops.stop_gradient(call(x, *args, **kwargs) - y)


def _passed(call: Callable, x: Any) -> Any:
    """Runs a layer with the identity as its gradient."""
    return x + ops.stop_gradient(call(x) - x)


def _kept(maps: Any, strongest: int | None) -> Any:
    """Returns the positive activations, or the strongest of them."""
    maps = ops.maximum(maps, 0.0)
    if strongest is None:
        return maps
    height, width = maps.shape[1:]
    flat = ops.reshape(maps, (-1, height * width))
    # Overlapping windows share maxima. PyTorch's `top_k` picks any of the
    # equal values; a stable sort picks the first.
    indices = ops.argsort(-flat, axis=1)[:, :strongest]
    mask = ops.sum(ops.one_hot(indices, height * width), axis=1)
    return maps * ops.reshape(mask, (-1, height, width))


def _channels(channel: Any, count: int, place: Place) -> np.ndarray:
    """Returns a channel for each image; -1 for its strongest channel."""
    if channel is None:
        return np.full(count, -1, "int32")
    found, known = np.asarray(channel), place.channels
    if (
        found.dtype.kind not in "iu"
        or found.shape not in ((), (count,))
        or found.min() < 0
        or found.max() >= known
    ):
        raise ValueError(
            f"`channel` must be the index of one of the {known} maps of "
            f"{place.path!r}, from 0, or a list of {count} indices, one per "
            f"image. Received: channel={channel!r}"
        )
    return np.broadcast_to(found, (count,)).astype("int32")
