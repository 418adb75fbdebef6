import inspect
from typing import Any

import keras
from keras import ops

from keras_attn import backend
from keras_attn.explain.running import structure, taps
from keras_attn.explain.running.batches import in_batches
from keras_attn.explain.running.network import Network
from keras_attn.explain.running.stand_ins import Change


@backend.apart
def attention_maps(
    model: keras.Model | Network, images: Any, batch_size: int = 32
) -> dict[str, Any]:
    """Returns the attention that a model's attention layers compute.

    For each attention layer of this package, at any depth, this is the result
    of `attention(x)` for the layer's input `x` when the model runs on the
    images: gates, maps or scores, before they are applied. It takes one
    forward pass.

    Args:
        model: A built `keras.Model`, or a `keras_attn.explain.Network`.
        images: The model's input, as for
            `keras_attn.explain.ClassActivationMap`.
        batch_size: Number of images that are run at once. Defaults to 32.

    Returns:
        A dictionary from layer paths to float32 NumPy arrays `(batch, ...)`,
        or to a dictionary of arrays if the layer's `attention` returns
        several. For a shared layer, `#1` is appended to the path for the
        second call, `#2` for the third, and so on.

    Raises:
        ValueError: If the model has no attention layer of this package, or
            the images do not fit.

    Example:

    >>> inputs = keras.Input((16, 16, 8))
    >>> x = keras_attn.layers.SE(name="se")(inputs)
    >>> x = keras_attn.layers.CBAM(name="cbam")(x)
    >>> model = keras.Model(inputs, x)
    >>> images = np.random.default_rng(0).random((2, 16, 16, 8))
    >>> maps = keras_attn.explain.attention_maps(model, images)
    >>> maps["se"].shape, maps["cbam"]["spatial"].shape
    ((2, 8), (2, 16, 16, 1))
    """
    network = Network.of(model)
    layers = {
        each: path
        for each, path in network.paths().items()
        if structure.is_attention(each)
    }
    if not layers:
        raise ValueError(
            "`model` must have an attention layer of keras_attn. Received: "
            f"the model {network.model.name!r}, which has none"
        )
    inputs = network.check(images, batch_size)

    def function(run: taps.Run) -> dict[str, Any]:
        found: dict[str, Any] = {}
        changes = {
            layer: [keeping_attention(layer, path, found)]
            for layer, path in layers.items()
        }
        run(changes)
        # Compiled functions may return a dictionary in a different order.
        return {f"{i:05}{key}": x for i, (key, x) in enumerate(found.items())}

    run = taps.hearing(network, inputs, ("attention maps",), function)
    found = in_batches(
        len(inputs), inputs.batch_size, lambda i: run(inputs.take(i))
    )
    return {key[5:]: found[key] for key in sorted(found)}


def keeping_attention(layer: Any, path: str, found: dict[str, Any]) -> Change:
    """Returns a change that records a layer's attention in `found`.

    The attention is computed with the arguments of each call, and stored under
    the layer's path in call order.
    """
    known = inspect.signature(layer.attention).parameters

    def after(number: int, args: tuple, named: dict, outputs: Any) -> Any:
        named = {key: named[key] for key in named.keys() & known.keys()}
        key = f"{path}#{number}" if number else path
        # NumPy has no bfloat16.
        found[key] = keras.tree.map_structure(
            lambda x: ops.cast(x, "float32"), layer.attention(*args, **named)
        )
        return outputs

    return taps.listening(after)
