"""What a feature map sees, brought back to the pixels."""

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

# Float16 has no numbers for the small values of a reconstruction.
_SCALE_OF_HALF = 1024.0


class DeconvNet:
    """Brings a feature map back to the pixels that excite it.

    From the layer down to the image, each step is undone: a max pooling puts
    values back to where its maxima were in this image ("switches", added
    where windows share one), a ReLU passes on what is positive of what comes
    back, whatever it did with the image, a convolution is transposed, with
    the same kernel and no bias. Nothing is done about a normalisation across
    channels; batch normalisation, an average pooling and padding are linear,
    and transposed. What is brought back are the activations of one map,
    those above 0: all of them, or the strongest.

    The model may be any chain of such layers, as far as the layer that is
    asked for, and anything after it. It is left as it was; nothing is kept
    between calls but what is compiled.

    Reference: Zeiler and Fergus, "Visualizing and Understanding Convolutional
        Networks", [ECCV 2014](https://arxiv.org/abs/1311.2901), section 2.1.
        It differs from a gradient in the ReLUs, which for a gradient pass on
        what was positive in the image, and in leaving out the normalisation.

    Args:
        model: A built `keras.Model`, or a `keras_attn.explain.Network`.
        data_format: `"channels_last"` or `"channels_first"`; `None` for that
            of the model's layers.

    Call arguments:
        images: What the model takes, preprocessed as it wants it, as for
            `keras_attn.explain.ClassActivationMap`.
        layer: Name, path into nested models, or the layer.
        channel: Integer, which of the layer's maps, or one for each image;
            `None` for the one with the strongest activation in each image.
        strongest: How many activations of the map are kept, the strongest
            ones, of equal ones the first; `None` for all. The paper's figures
            show 1.
        batch_size: How many images are run at once.

    Returns:
        A `keras_attn.explain.Reconstruction`: the pixels, in no unit and
        around 0, the box of the receptive field, and the channel, of each
        image.

    Raises:
        ValueError: If the layer is not in the model, outputs no map, or is
            reached by more than such a chain, with the first layer that
            breaks it; if a channel is out of range, or if the images do not
            fit or are not finite.

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
        """Returns inputs, place, chain and compiled function, made once."""
        operation = structure.find(self.network.model, layer)
        inputs, place = place_of_layer(
            self.network, inputs, operation, None, None
        )
        if place.grid is not None:
            raise ValueError(
                "The layer must output a map of an image, not tokens. "
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
    """Returns what is to be differentiated by the images."""

    def function(
        images: list[Any], values: list[Any], leaves: list[Any], channels: Any
    ) -> tuple[Any, tuple[Any, Any]]:
        leaves = list(leaves)
        (leaves[frame.chosen],) = images
        found: list[Any] = []
        changes = _backwards(chain)
        # Around what stands for its `call`, if anything does.
        changes[place.operation].append(taps.keeping(place.number, found))
        network.run(values, frame.pack(leaves), changes)
        features = place.read(found[0])
        maps = ops.transpose(features, (0, 3, 1, 2))
        # Its own strongest map where none was asked for.
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
    """ReLU, with ReLU as its gradient."""

    def gradient(*arguments: Any, upstream: Any = None) -> Any:
        upstream = arguments[-1] if upstream is None else upstream
        return ops.maximum(upstream, 0.0)

    return ops.relu(x), gradient


def _backwards(chain: Chain) -> dict[keras.Operation, list[Change]]:
    """Returns changes with which a gradient is the reconstruction."""
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
    """Runs a ReLU, which may have an upper end, with ReLU as its gradient."""
    y = _rectified(x)
    return y + ops.stop_gradient(call(x, *args, **kwargs) - y)


def _passed(call: Callable, x: Any) -> Any:
    """Runs a layer whose gradient is to be left out."""
    return x + ops.stop_gradient(call(x) - x)


def _kept(maps: Any, strongest: int | None) -> Any:
    """Returns the activations above 0, or the strongest of them."""
    maps = ops.maximum(maps, 0.0)
    if strongest is None:
        return maps
    height, width = maps.shape[1:]
    flat = ops.reshape(maps, (-1, height * width))
    # Overlapping windows have equal maxima, of which PyTorch's `top_k` takes
    # any; a stable order takes the first.
    indices = ops.argsort(-flat, axis=1)[:, :strongest]
    mask = ops.sum(ops.one_hot(indices, height * width), axis=1)
    return maps * ops.reshape(mask, (-1, height, width))


def _channels(channel: Any, count: int, place: Place) -> np.ndarray:
    """Returns a channel for each image; -1 for its own strongest."""
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
            f"`channel` must be one of the {known} maps of {place.path!r}, "
            f"from 0, or a list of {count}, one for each image. "
            f"Received: channel={channel!r}"
        )
    return np.broadcast_to(found, (count,)).astype("int32")
