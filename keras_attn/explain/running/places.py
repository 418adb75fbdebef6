"""Selects the feature map of a model to explain, and its image."""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

from keras_attn.explain.running import structure
from keras_attn.explain.running.attention import attentions, is_inside
from keras_attn.explain.running.feature_maps import (
    Place,
    Reshape,
    find_map,
    is_scaled,
    place_of,
)
from keras_attn.explain.running.inputs import Inputs
from keras_attn.explain.running.network import Network
from keras_attn.explain.running.targets import Target, is_of_classes
from keras_attn.explain.running.trace import Trace

# Number of maps to try if the origin of the output is unknown.
_MOST_TRIED = 8


def find_layers(model: keras.Model, layer: Any) -> list[Any] | None:
    """Returns the layers of the argument `layer`, `None` if it is `None`."""
    if layer is None:
        return None
    layers = layer if isinstance(layer, (list, tuple)) else [layer]
    if not layers:
        raise ValueError(
            "`layer` must name at least one layer, or be None. "
            f"Received: layer={layer!r}"
        )
    return [structure.find(model, each) for each in layers]


def find_places(
    network: Network,
    inputs: Inputs,
    target: Target,
    layers: Sequence[keras.Operation] | None,
    call_index: int | None,
    reshape: Reshape | None,
) -> tuple[Inputs, list[Place]]:
    """Returns the inputs and the maps of layers, or the last map.

    The image on which the maps depend is chosen in the inputs.
    """
    if layers is None:
        # All classes depend on the same positions.
        score = None if is_of_classes(target) else target.key

        def make() -> tuple[Inputs, Place]:
            found, place = last_place(network, inputs, target)
            return found.frame(), place

        key = "last", inputs.position, score
        chosen, place = network.remembered(inputs, key, make)
        if call_index is None:
            return inputs.at(chosen.position), [place]
        layers = [place.operation]
    found = [
        place_of_layer(network, inputs, each, call_index, reshape)
        for each in layers
    ]
    if len({each.position for each, _ in found}) > 1:
        raise ValueError(
            "All layers must depend on the same image. Received: layers that "
            "depend on different images, "
            f"{[place.path for _, place in found]}"
        )
    return found[0][0], [place for _, place in found]


def place_of_layer(
    network: Network,
    inputs: Inputs,
    layer: keras.Operation,
    call_index: int | None,
    reshape: Reshape | None,
) -> tuple[Inputs, Place]:
    """Returns the inputs, and the map that a layer outputs in a call.

    The image on which the layer depends is chosen in the inputs.

    Raises:
        ValueError: If `call_index` is out of range, the layer does not output
            a map, or it does not depend on exactly one image.
    """
    trace = network.trace(inputs)
    calls = [i for i, x in enumerate(trace.calls) if x.operation is layer]
    try:
        if call_index is None:
            fitting = [i for i in calls if _may_see(trace, i, inputs)]
            index = (fitting or calls)[-1]
        else:
            index = calls[call_index]
    except IndexError:
        raise ValueError(
            f"`call_index` must be one of the {len(calls)} calls of the layer "
            f"{layer.name!r} in the model. Received: call_index={call_index}"
        ) from None
    inputs = _with_image(trace, index, inputs)
    place = place_of(trace, index, inputs.size, network.data_format, reshape)
    return inputs, place


def last_place(
    network: Network, inputs: Inputs, target: Target
) -> tuple[Inputs, Place]:
    """Returns the last map whose positions the score depends on."""
    trace = network.trace(inputs)
    found = list(_last_places(network, trace, inputs))
    if not found:
        raise ValueError(
            "`layer` cannot be None, since no layer of the model is known to "
            "output a feature map. Received: layer=None. Pass a layer, and "
            f"`reshape=` if its output is not a map{_sizes(inputs)}"
        )
    chosen = 0
    if len(found) > 1:
        # All at once, since only some may depend on the chosen image.
        gradients = network.gradients(
            inputs.take([0]), target.take([0]), [x for _, x in found]
        ).gradients
        read = [i for i, x in enumerate(gradients) if ops.any(x != 0)]
        outside = [i for i in read if not is_inside(trace, found[i][0])]
        chosen = (outside or read or [0])[0]
    index, place = found[chosen]
    _warn_of_one_pixel(trace, index, place)
    return _with_image(trace, index, inputs), place


def _last_places(
    network: Network, trace: Trace, inputs: Inputs
) -> Iterator[tuple[int, Place]]:
    """Yields the last maps of a model, the last one first.

    A single map is enough if the output is known to depend on it. For models
    on tokens, all maps are needed, since layers after the last attention may
    use only the class token.
    """
    maps, origins = 0, trace.origins
    closed = attentions(trace)
    for index, call in reversed(list(enumerate(trace.calls))):
        if (
            (origins is not None and index not in origins)
            or not _may_see(trace, index, inputs)
            or call.path.startswith(closed)
            or isinstance(call.operation, keras.layers.ZeroPadding2D)
        ):
            continue
        try:
            size = _with_image(trace, index, inputs).size
        except ValueError:
            continue  # It depends on several images.
        place = find_map(trace, index, size, network.data_format)
        if place is None:
            continue
        if place.grid is not None:
            yield index, place
        elif is_scaled(place.sides, size) and not _is_output(trace, place):
            yield index, place
            maps += 1
            if origins is not None or maps == _MOST_TRIED:
                return


def _may_see(trace: Trace, index: int, inputs: Inputs) -> bool:
    """Returns whether a call may depend on the chosen image, if any."""
    if inputs.position is None or len(inputs.pictures) == 1:
        return True
    found = trace.inputs_of[index]
    return found is None or inputs.position in found


def _with_image(trace: Trace, index: int, inputs: Inputs) -> Inputs:
    """Returns the inputs with the image on which a call depends chosen."""
    path, pictures = trace.calls[index].path, inputs.pictures
    if len(pictures) == 1:
        return inputs
    found = trace.inputs_of[index]
    if inputs.position is None:
        seen = [i for i in pictures if found is None or i in found]
        if len(seen) != 1:
            raise ValueError(
                "`image` must be the index or name of the image to explain. "
                f"Received: image=None for {path!r}, which depends on "
                f"{len(seen)} of {len(pictures)} images"
            )
        return inputs.at(seen[0])
    if found is not None and inputs.position not in found:
        others = [pictures.index(i) for i in pictures if i in found]
        raise ValueError(
            "The layer must depend on the image to explain. Received: "
            f"image={pictures.index(inputs.position)} for the layer {path!r}, "
            f"which depends on the images {others}. Omit `image`, or choose "
            "another layer or `call_index`"
        )
    return inputs


def _is_output(trace: Trace, place: Place) -> bool:
    """Returns whether the map may hold the scores that the model outputs."""
    shape = trace.shape or ()
    return len(shape) == 3 and place.channels == shape[-1]


def _warn_of_one_pixel(trace: Trace, index: int, place: Place) -> None:
    """Warns if the image is too small for the last layers."""
    for call in trace.calls[index + 1 :]:
        shrinks = hasattr(call.operation, "strides")
        if (
            shrinks
            and len(call.shape) == 3
            and sorted(call.shape)[:2] == [1, 1]
        ):
            before = [each for each in call.given if len(each) == 3]
            if any(sorted(each)[1] > 1 for each in before):
                warnings.warn(
                    f"From the layer {call.path!r} on, maps have only one "
                    "pixel, which shows no positions. The map of the layer "
                    f"{place.path!r} is used instead, with "
                    f"{' x '.join(map(str, place.sides))} pixels. Pass larger "
                    "images or `layer=` to use another map",
                    stacklevel=4,
                )
                return


def _sizes(inputs: Inputs) -> str:
    sizes: Sequence = [inputs.arrays[i].shape[1:] for i in inputs.pictures]
    return f". The images have the shapes {sizes}"
