"""Finds feature maps among layer outputs, and reads them."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_attn.explain.running import fingerprint, structure
from keras_attn.explain.running.trace import Call, Trace

# Class, distillation and register tokens, which precede the patches. Where no
# map shows the number of patches, more of them would make grids ambiguous.
_MOST_PREFIX_TOKENS = 16
_MOST_UNSEEN_PREFIX_TOKENS = 8
# After these, the tokens may no longer be on the first axis.
_TURNING = ("Moveaxis", "Permute", "Swapaxes", "Transpose")
Reshape = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True)
class Place:
    """A feature map in a model.

    Attributes:
        path: Path of the layer.
        operation: The layer whose first output is the map.
        number: Index of the layer's call, from 0.
        shape: Shape of the output, without the batch.
        half: Whether the output is computed in float16.
        data_format: Data format of a map with four axes.
        grid: Height and width of a map of tokens.
        reshape: The user's function for reading the map, if any.
    """

    path: str
    operation: keras.Operation
    number: int
    shape: tuple[int, ...]
    half: bool
    data_format: str
    grid: tuple[int, int] | None = None
    reshape: Reshape | None = None

    @property
    def sides(self) -> tuple[int, ...]:
        """Height and width of the map in its layer."""
        first = self.data_format == "channels_first"
        return self.shape[1:] if first else self.shape[:2]

    @property
    def channels(self) -> int:
        """Number of channels of a map with four axes."""
        first = self.data_format == "channels_first"
        return self.shape[0 if first else 2]

    @property
    def key(self) -> tuple[Any, ...]:
        """Key of everything that reading the map depends on."""
        own = dataclasses.replace(self, reshape=None)
        return own, fingerprint.of(self.reshape)

    def read(self, tensor: Any) -> Any:
        """Returns the layer's output as `(batch, height, width, channels)`."""
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
    index: int,
    size: tuple[int, int],
    data_format: str,
    reshape: Reshape | None = None,
) -> Place:
    """Returns the map that a call outputs.

    Raises:
        ValueError: If the call does not output a map.
    """
    call = trace.calls[index]
    place = _place(call, data_format)
    if reshape is not None:
        return dataclasses.replace(place, reshape=reshape)
    found = find_map(trace, index, size, data_format)
    if found is not None:
        return found
    if len(call.shape) == 2:
        raise ValueError(
            f"The {call.shape[0]} tokens of the layer {call.path!r} cannot be "
            f"matched to positions of an image of {size[0]} x {size[1]} "
            "pixels. Received: reshape=None. If they are positions, pass "
            "`reshape=`, a function from (batch, tokens, channels) to (batch, "
            "height, width, channels)"
        )
    shape = ", ".join(map(str, ("batch", *call.shape)))
    raise ValueError(
        "`layer` must output a map, (batch, height, width, channels) or "
        "(batch, tokens, channels), of more than one pixel. Received: "
        f"{call.path!r}, which outputs ({shape}){_unsupported(call)}. Layers "
        f"that do, last ones first: {_maps(trace, size, data_format)}"
    )


def find_map(
    trace: Trace, index: int, size: tuple[int, int], data_format: str
) -> Place | None:
    """Returns the map that a call outputs, or `None`."""
    call = trace.calls[index]
    place = _place(call, data_format)
    if type(call.operation).__name__ in _TURNING:
        return None
    if len(call.shape) == 2:
        grid = token_grid(trace, index, size)
        return None if grid is None else dataclasses.replace(place, grid=grid)
    is_map = len(call.shape) == 3 and max(place.sides) > 1
    return place if is_map else None


def _place(call: Call, data_format: str) -> Place:
    return Place(
        call.path,
        call.operation,
        call.number,
        call.shape,
        call.dtype == "float16",
        structure.data_format(call.operation) or data_format,
    )


def _unsupported(call: Call) -> str:
    kinds = {4: "volumes (3D) or video frames"}
    kind = kinds.get(len(call.shape))
    return f". Maps of {kind} are not supported" if kind else ""


def _maps(trace: Trace, size: tuple[int, int], data_format: str) -> list[str]:
    """Returns paths of up to 8 layers that output a map, last ones first."""
    found: list[str] = []
    for index, call in reversed(list(enumerate(trace.calls))):
        if call.path not in found:
            if find_map(trace, index, size, data_format) is not None:
                found.append(call.path)
        if len(found) == 8:
            break
    return found


def is_scaled(sides: tuple[int, ...], size: tuple[int, int]) -> bool:
    """Returns whether a map has about the aspect ratio of the image.

    For a single row or column, only the longer side is compared.
    """
    height, width = sides
    if 1 in sides:
        return (height < width) == (size[0] <= size[1])
    return abs(height - width * size[0] / size[1]) <= 2


def token_grid(
    trace: Trace, index: int, size: tuple[int, int]
) -> tuple[int, int] | None:
    """Finds the rows and columns of tokens.

    They are those of an earlier map with as many positions, or otherwise
    those that cut the image into square patches. Tokens that were not made
    from the image, such as the object queries of a detector, have none.
    """
    tokens = trace.calls[index].shape[0]
    few = range(_MOST_PREFIX_TOKENS + 1)
    for each in trace.calls[:index]:
        if len(each.shape) == 3:
            for sides in (each.shape[:2], each.shape[1:]):
                if tokens - sides[0] * sides[1] in few and max(sides) > 1:
                    if is_scaled(sides, size) and not _is_of_scores(
                        trace, each
                    ):
                        return sides
    few = range(_MOST_UNSEEN_PREFIX_TOKENS + 1)
    if not _are_of_the_image(trace, index):
        return None
    for extra in few:
        for rows in range(2, tokens - extra):
            columns, rest = divmod(tokens - extra, rows)
            if not rest and rows * size[1] == columns * size[0]:
                return rows, columns
    return None


def _are_of_the_image(trace: Trace, index: int) -> bool:
    """Returns whether tokens were made from an image.

    Goes back through calls with as many tokens, up to a few prefix tokens, to
    their origin. Image tokens originate from an image or a map. Queries
    originate from weights, and meet image tokens only in attention layers.
    """
    few = range(_MOST_UNSEEN_PREFIX_TOKENS + 1)
    todo, seen = [index], set()
    while todo:
        at = todo.pop()
        if at in seen:
            continue
        seen.add(at)
        call = trace.calls[at]
        alike = [
            source
            for shape, source in zip(call.given, call.sources, strict=True)
            if len(shape) == 2 and call.shape[0] - shape[0] in few
        ]
        known = [source for source in alike if source is not None]
        is_cut = any(len(shape) == 3 for shape in call.given)
        if not alike and is_cut and trace.inputs_of[at]:
            return True
        if not known or len(known) < len(alike):
            # Their origin is unknown, so test whether the first call with as
            # many tokens depends on the image.
            tokens = trace.calls[index].shape[0]
            first = next(
                each
                for each in trace.calls
                if len(each.shape) == 2 and tokens - each.shape[0] in few
            )
            return trace.depends(first)
        todo += known
    return False


def _is_of_scores(trace: Trace, call: Call) -> bool:
    """Returns whether a map holds attention scores between tokens."""
    rows, columns = call.shape[-2:]
    return rows == columns and any(
        len(each.shape) == 2 and each.shape[0] == rows for each in trace.calls
    )
