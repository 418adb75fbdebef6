"""Builds networks and loads their initial weights."""

import inspect

import keras

from applications.common import saved
from applications.common.batches import input_shape
from applications.image_classification.config import Config
from applications.image_classification.ranges import IMAGENET_MEAN, IMAGENET_STD
from keras_attn import applications
from keras_attn.weights.convert import load
from keras_attn.weights.files import SUFFIXES

_LENIENT = (
    "call `keras_attn.weights.load_torch(model, path, strict=False)` in your "
    "own program"
)
CLASSIFIER = "classifier"


def build_network(config: Config, classes: int) -> keras.Model:
    """Builds a network for pixels in [0, 255] and loads its weights."""
    function = getattr(applications, config.network)
    arguments = config.network_arguments
    known = [
        name
        for name, each in inspect.signature(function).parameters.items()
        if each.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        raise ValueError(
            f"--arguments must be arguments of {config.network}: {known}. "
            f"Received: {unknown}"
        )
    if "seed" in known:
        # On PyTorch, only dropout with a seed has a state to resume from.
        arguments = {"seed": config.seed, **arguments}
    image = keras.Input(input_shape(*config.shape), name="image")
    network = function(
        input_tensor=_scaling(config)(image), classes=classes, **arguments
    )
    load_weights(network, config.weights)
    return network


def _scaling(config: Config) -> keras.Layer:
    """Returns the layer that scales pixels to the range of the network."""
    # float32, since bfloat16 cannot represent all integers up to 255.
    common = {"dtype": "float32", "name": "scaling"}
    if config.input_range == "-1,1":
        return keras.layers.Rescaling(1 / 127.5, -1.0, **common)
    if config.input_range == "0,1":
        return keras.layers.Rescaling(1 / 255, **common)
    first = keras.config.image_data_format() == "channels_first"
    return keras.layers.Normalization(
        axis=1 if first else -1,
        mean=255 * IMAGENET_MEAN,
        variance=(255 * IMAGENET_STD) ** 2,
        **common,
    )


def backbone_of(network: keras.Model) -> keras.Model:
    """Returns a network without its classifier, with the same layers."""
    return keras.Model(network.input, network.get_layer(CLASSIFIER).input)


def head_of(network: keras.Model) -> keras.Model:
    """Returns the classifier of a network, with the same layers."""
    return keras.Model(network.get_layer(CLASSIFIER).input, network.output)


def load_weights(network: keras.Model, source: str) -> None:
    """Loads the initial weights of a network, except its classifier."""
    if source == "none":
        return
    path = saved.weights_file(source)
    backbone = backbone_of(network)
    if source.lower().endswith(SUFFIXES):
        try:
            load(backbone, path, argument="--weights", lenient=_LENIENT)
        except ValueError as problem:
            raise ValueError(f"{path}: {problem}") from problem
        return
    given = {each.name: each for each in saved.load_model(path).layers}
    pairs = []
    for layer in backbone.layers:
        other = given.get(layer.name)
        shapes = [
            [each.shape for each in one.get_weights()] if one else None
            for one in (layer, other)
        ]
        if shapes[0] and shapes[0] != shapes[1]:
            raise ValueError(
                f"{path}: the weights must be those of this network. "
                f"{layer.name} has the shapes {shapes[0]}. Received: "
                f"{shapes[1]}"
            )
        if shapes[0]:
            pairs.append((layer, other.get_weights()))
    for layer, values in pairs:
        layer.set_weights(values)
