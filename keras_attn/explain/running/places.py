"""Which feature map of a model is looked at, and of which image it is."""

import re
import warnings
from collections.abc import Iterator, Sequence

import keras
from keras import ops

from keras_attn.explain.running import structure
from keras_attn.explain.running.feature_maps import (
    Place,
    Reshape,
    find_map,
    is_scaled,
    place_of,
    sides_of,
)
from keras_attn.explain.running.inputs import Inputs
from keras_attn.explain.running.network import Network
from keras_attn.explain.running.targets import Target
from keras_attn.explain.running.trace import Trace

# How many maps are tried where it is not known what the output comes from.
_MOST_TRIED = 8
_ATTENTION = re.compile(r"atte?n|mhsa|(^|_)msa(_|$)", re.IGNORECASE)
_PROJECTIONS = (
    keras.layers.Conv1D,
    keras.layers.Dense,
    keras.layers.EinsumDense,
)


def place_of_layer(
    network: Network,
    inputs: Inputs,
    layer: keras.Operation,
    call_index: int | None,
    reshape: Reshape | None,
) -> tuple[Inputs, Place]:
    """Returns what a layer outputs in one of its calls, and the inputs.

    These have the image chosen that the layer depends on.

    Raises:
        ValueError: If it is not called so often, or outputs no map, or if it
            depends on none of the images, or on several.
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
            "No layer of the model outputs a feature map of an image. "
            "Received: layer=None. Name the layer, and pass `reshape=` if its "
            f"output is no map{_sizes(inputs)}"
        )
    chosen = 0
    if len(found) > 1:
        # In each of them, since only some may be of the chosen image.
        gradients = network.gradients(
            inputs.take([0]), target.take([0]), [x for _, x in found]
        ).gradients
        read = [i for i, x in enumerate(gradients) if ops.any(x != 0)]
        outside = [i for i in read if not _is_inside(trace, found[i][0])]
        chosen = (outside or read or [0])[0]
    index, place = found[chosen]
    _warn_of_one_pixel(trace, index, place)
    return _with_image(trace, index, inputs), place


def framed(inputs: Inputs, place: Place) -> tuple[Inputs, Place]:
    """Returns a place with inputs that may outlive the images."""
    return inputs.frame(), place


def _last_places(
    network: Network, trace: Trace, inputs: Inputs
) -> Iterator[tuple[int, Place]]:
    """Yields the last maps of a model, the last one first.

    One is enough where the output is known to come from it. Of a model on
    tokens, all of them, as what follows the last attention may read the class
    token only.
    """
    maps = 0
    closed = _attentions(trace)
    for index, call in reversed(list(enumerate(trace.calls))):
        known = trace.origins is not None
        if (
            (known and index not in trace.origins)
            or not _may_see(trace, index, inputs)
            or call.path.startswith(closed)
            or isinstance(call.operation, keras.layers.ZeroPadding2D)
        ):
            continue
        try:
            size = _with_image(trace, index, inputs).size
        except ValueError:
            continue  # Of several images.
        place = find_map(trace, index, size, network.data_format)
        if place is None:
            continue
        if place.grid is not None:
            yield index, place
        elif is_scaled(sides_of(place), size) and not _is_output(trace, place):
            yield index, place
            maps += 1
            if known or maps == _MOST_TRIED:
                return


def _may_see(trace: Trace, index: int, inputs: Inputs) -> bool:
    """Whether a call may depend on the image that was chosen, if any was."""
    if inputs.position is None or len(inputs.pictures) == 1:
        return True
    found = trace.inputs_of[index]
    return found is None or inputs.position in found


def _with_image(trace: Trace, index: int, inputs: Inputs) -> Inputs:
    """Returns the inputs with the image chosen that a call depends on."""
    path, pictures = trace.calls[index].path, inputs.pictures
    if len(pictures) == 1:
        return inputs
    found = trace.inputs_of[index]
    if inputs.position is None:
        seen = [i for i in pictures if found is None or i in found]
        if len(seen) != 1:
            raise ValueError(
                "`image` must say which of the model's images is explained, "
                f"by its index or name. Received: image=None for {path!r}, "
                f"which depends on {len(seen)} of {len(pictures)} images"
            )
        return inputs.at(seen[0])
    if not _may_see(trace, index, inputs):
        others = [pictures.index(i) for i in pictures if i in found]
        raise ValueError(
            "The layer must depend on the image that is explained. Received: "
            f"image={pictures.index(inputs.position)} for the layer {path!r}, "
            f"which depends on the images {others}. Leave `image` out, or "
            "choose another layer or `call_index`"
        )
    return inputs


def _attentions(trace: Trace) -> tuple[str, ...]:
    """Returns beginnings of paths that lie inside of an attention block.

    What is in there, such as queries and keys, is no map of the image that
    the rest of the network would read.
    """
    found = []
    for call in trace.calls:
        inside = f"{call.path}/"
        # A whole network may be named after its attention.
        if len(call.shape) != 2 or isinstance(call.operation, keras.Model):
            continue
        if structure.is_self_attention(call.operation) or (
            _is_named_so(call.operation) and _projects(trace, inside, 1)
        ):
            found.append(inside)
        elif _projects(trace, inside, 2):
            found.append(inside)
    return tuple(found)


def _projects(trace: Trace, inside: str, least: int) -> bool:
    """Whether a block makes several projections of the same tokens.

    As of queries, keys and values, of which each is a layer of its own.
    """
    sources = [
        call.sources[0]
        for call in trace.calls
        if call.path.startswith(inside)
        and "/" not in call.path[len(inside) :]
        and isinstance(call.operation, _PROJECTIONS)
        and call.sources
    ]
    known = [x for x in sources if x is not None]
    return bool(known) and max(map(known.count, known)) >= least


def _is_named_so(operation: keras.Operation) -> bool:
    names = operation.name, type(operation).__name__
    return any(_ATTENTION.search(name) for name in names)


def _is_inside(trace: Trace, index: int) -> bool:
    """Whether a call seems to be a part of an attention in a flat graph.

    A projection of tokens is, or what bears such a name, but for attention
    as a whole.
    """
    call = trace.calls[index]
    operation = call.operation
    if len(call.shape) != 2 or structure.is_self_attention(operation):
        return False
    if isinstance(operation, _PROJECTIONS):
        return True
    inside = any(x.path.startswith(f"{call.path}/") for x in trace.calls)
    return not inside and _is_named_so(operation)


def _is_output(trace: Trace, place: Place) -> bool:
    """Whether the map holds scores, in a model that outputs a map of them."""
    channels = place.shape[0 if place.data_format == "channels_first" else 2]
    return len(trace.shape or ()) == 3 and channels == trace.shape[-1]


def _warn_of_one_pixel(trace: Trace, index: int, place: Place) -> None:
    """Warns if the image was too small for the last layers."""
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
                    f"The maps from the layer {call.path!r} on are of one "
                    "pixel, which cannot be told apart: the map of the layer "
                    f"{place.path!r} was taken instead, of "
                    f"{' x '.join(map(str, sides_of(place)))} pixels. A larger "
                    "image, or `layer=`, gives another one",
                    stacklevel=4,
                )
                return


def _sizes(inputs: Inputs) -> str:
    sizes: Sequence = [inputs.arrays[i].shape[1:] for i in inputs.pictures]
    return f". The images are of the shapes {sizes}"
