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
    """Returns what the attention layers of a model multiply or mix by.

    For each attention layer of this package, at any depth, what its
    `attention(x)` returns for the `x` that it gets when the model sees the
    images: gates, maps or scores, never applied. In one forward pass.

    Args:
        model: A built `keras.Model`, or a `keras_attn.explain.Network`.
        images: What the model takes, as for
            `keras_attn.explain.ClassActivationMap`.
        batch_size: How many images are run at once. Defaults to 32.

    Returns:
        A dictionary from the path of a layer to float32 NumPy arrays `(batch,
        ...)`, one or a dictionary of them, as its `attention` returns. The
        second call of a shared layer is under its path and `#1`, the third
        one under `#2`, and so on.

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
        # Compiled functions may return a dictionary in another order.
        return {f"{i:05}{key}": x for i, (key, x) in enumerate(found.items())}

    run = taps.hearing(network, inputs, ("attention maps",), function)
    found = in_batches(
        len(inputs), inputs.batch_size, lambda i: run(inputs.take(i))
    )
    return {key[5:]: found[key] for key in sorted(found)}


def keeping_attention(layer: Any, path: str, found: dict[str, Any]) -> Change:
    """Returns a change by which a layer's attention is kept.

    With the arguments of its call, by its path, in the order of the calls.
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
