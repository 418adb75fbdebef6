"""Which output of which layer is a map, and how it is read as one."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_attn.explain import structure
from keras_attn.explain.trace import Call, Trace

# Class, distillation and register tokens, which stand before the patches.
_MOST_PREFIX_TOKENS = 8
Reshape = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True)
class Place:
    """A feature map in a model.

    Attributes:
        path: Of the layer.
        operation: The layer whose first output it is.
        number: In which of its calls, counted from 0.
        shape: Of that output, without the batch.
        half: Whether it is computed in float16.
        data_format: Of a map with four axes.
        grid: Height and width of a map of tokens.
        reshape: What the user wants to have done in place of all that.
    """

    path: str
    operation: keras.Operation
    number: int
    shape: tuple[int, ...]
    half: bool
    data_format: str
    grid: tuple[int, int] | None = None
    reshape: Reshape | None = None

    def read(self, tensor: Any) -> Any:
        """Returns `(batch, height, width, channels)` of what came out."""
        if self.reshape is not None:
            tensor = self.reshape(tensor)
            if len(tensor.shape) != 4:
                raise ValueError(
                    "`reshape` must return (batch, height, width, channels). "
                    f"Received: shape {tuple(tensor.shape)} for the layer "
                    f"{self.path!r}"
                )
            return tensor
        if self.grid is not None:
            height, width = self.grid
            tensor = tensor[:, self.shape[0] - height * width :]
            return ops.reshape(tensor, (-1, height, width, self.shape[1]))
        if self.data_format == "channels_first":
            return ops.transpose(tensor, (0, 2, 3, 1))
        return tensor


def place_of(
    trace: Trace,
    call: Call,
    size: tuple[int, int],
    data_format: str,
    reshape: Reshape | None = None,
) -> Place:
    """Returns the map that a call puts out.

    Raises:
        ValueError: If it puts out none.
    """
    own = getattr(call.operation, "data_format", None)
    place = Place(
        call.path,
        call.operation,
        call.number,
        call.shape,
        call.dtype == "float16",
        own if own in ("channels_first", "channels_last") else data_format,
        reshape=reshape,
    )
    if reshape is not None:
        return place
    if len(call.shape) == 2:
        grid = _grid(trace, call, size)
        if grid is None:
            raise ValueError(
                f"The {call.shape[0]} tokens of the layer {call.path!r} fit no "
                f"grid on an image of {size[0]} x {size[1]} pixels. Received: "
                "reshape=None. Pass `reshape=`, a function from (batch, "
                "tokens, channels) to (batch, height, width, channels)"
            )
        return dataclasses.replace(place, grid=grid)
    if len(call.shape) != 3 or min(_sides(place)) < 2:
        maps = [each.path for each in trace.calls if len(each.shape) == 3]
        raise ValueError(
            "`layer` must put out a map, (batch, height, width, channels) or "
            f"(batch, tokens, channels). Received: {call.path!r}, which puts "
            f"out (batch, {', '.join(map(str, call.shape))}). Layers that do "
            f"are, the last ones first: {maps[:-9:-1]}"
        )
    return place


def last_places(
    trace: Trace, size: tuple[int, int], data_format: str
) -> list[Place]:
    """Returns the last map of a model.

    Of a model on tokens, all of them, the last one first: what follows the
    last attention may read the class token only. What is inside of an
    attention, such as its queries and keys side by side, is no such map.
    """
    found = []
    closed = tuple(
        f"{call.path}/"
        for call in trace.calls
        if structure.is_self_attention(call.operation)
    )
    for call in reversed(trace.calls):
        if call.path.startswith(closed):
            continue
        try:
            place = place_of(trace, call, size, data_format)
        except ValueError:
            continue
        if place.grid is not None:
            found.append(place)
        elif _is_scaled(_sides(place), size) and not _is_output(trace, place):
            return found or [place]
    if not found:
        raise ValueError(
            "No layer of the model puts out a feature map that is one of the "
            f"image, of {size[0]} x {size[1]} pixels. Received: layer=None. "
            "Name the layer, and pass `reshape=` if its output is no map"
        )
    return found


def _sides(place: Place) -> tuple[int, int]:
    first = place.data_format == "channels_first"
    return place.shape[1:] if first else place.shape[:2]


def _is_scaled(sides: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether a map has the proportions of the image, give or take a pixel."""
    height, width = sides
    return abs(height - width * size[0] / size[1]) <= 2


def _is_output(trace: Trace, place: Place) -> bool:
    """Whether the map holds scores, in a model that puts out a map of them."""
    channels = place.shape[0 if place.data_format == "channels_first" else 2]
    return len(trace.shape or ()) == 3 and channels == trace.shape[-1]


def _grid(
    trace: Trace, call: Call, size: tuple[int, int]
) -> tuple[int, int] | None:
    """Finds rows and columns of tokens.

    Those of a map before, which the tokens were made of, or else those that
    cut the image into square patches.
    """
    tokens = call.shape[0]
    few = range(_MOST_PREFIX_TOKENS + 1)
    for each in trace.calls[: trace.calls.index(call)]:
        if len(each.shape) == 3:
            for sides in (each.shape[:2], each.shape[1:]):
                if tokens - sides[0] * sides[1] in few and min(sides) > 1:
                    if _is_scaled(sides, size):
                        return sides
    for extra in few:
        for rows in range(2, tokens - extra):
            columns, rest = divmod(tokens - extra, rows)
            if not rest and rows * size[1] == columns * size[0]:
                return rows, columns
    return None
