"""Loads PyTorch weights into layers and models, and writes them."""

from collections.abc import Iterable
from dataclasses import dataclass

import keras
import numpy as np

from keras_attn.weights.files import Source, read, to_numpy
from keras_attn.weights.layouts import Shape
from keras_attn.weights.names import Slot, describe, find_slots


@dataclass(frozen=True)
class Entry:
    """One array that was loaded: from where, to where and how laid out."""

    source: str
    target: str
    torch_shape: Shape
    keras_shape: Shape
    layout: str


@dataclass(frozen=True)
class Report:
    """What `load_torch` did; `str(report)` is a table.

    Args:
        entries: Tuple of `Entry`, one for each array that was loaded.
        ignored: Names that Keras has no use for, such as
            `num_batches_tracked`.
        missing: Names that the source does not have.
        unexpected: Names that the target does not have.
    """

    entries: tuple[Entry, ...]
    ignored: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()

    def __str__(self) -> str:
        rows = [("source", "target", "PyTorch", "Keras", "layout")]
        for entry in self.entries:
            shapes = str(entry.torch_shape), str(entry.keras_shape)
            rows.append((entry.source, entry.target, *shapes, entry.layout))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows
        ]
        for kind in ("ignored", "missing", "unexpected"):
            lines.append(f"{kind}: {', '.join(getattr(self, kind)) or 'none'}")
        return "\n".join(lines)


def load_torch(
    target: keras.layers.Layer, source: Source, strict: bool = True
) -> Report:
    """Loads PyTorch weights into a layer or a model.

    For weights trained with the reference implementation, torchvision or
    timm. Which naming scheme it is, is recognised from the names. All is
    checked before the first weight changes.

    Args:
        target: A built layer or model of keras_attn; or a Keras `Conv1D`,
            `Conv2D`, `DepthwiseConv2D`, `Dense`, `BatchNormalization` or
            `LayerNormalization`.
        source: A path that ends in `.safetensors`, `.pt`, `.pth` or `.npz`,
            or a mapping of names to arrays or tensors, in PyTorch's layout.
        strict: Boolean, whether names that are missing or unexpected are
            errors. Defaults to `True`.

    Returns:
        A report with the fields `entries`, `ignored`, `missing` and
        `unexpected`. Each of its `entries` has a `source`, a `target`, a
        `torch_shape`, a `keras_shape` and a `layout`.

    Raises:
        ValueError: If the source cannot be read, if the target has no known
            names, or if the arrays do not fit: names missing or unexpected,
            shapes, numbers that are not finite. It says of each kind how
            much does not fit, and what comes first; the target is left as it
            was.

    Example:

    >>> layer = keras.layers.Dense(2)
    >>> layer.build((None, 3))
    >>> arrays = {"weight": np.ones((2, 3)), "bias": np.zeros(2)}
    >>> report = keras_attn.weights.load_torch(layer, arrays)
    >>> [(e.source, e.torch_shape, e.keras_shape) for e in report.entries]
    [('weight', (2, 3), (3, 2)), ('bias', (2,), (2,))]
    """
    arrays = read(source)
    slots = find_slots(target, arrays.keys())
    needed = {name: s for name, s in slots.items() if s.variable is not None}
    present = {name: s for name, s in needed.items() if name in arrays}
    missing = tuple(name for name in needed if name not in arrays)
    unexpected = tuple(name for name in arrays if name not in slots)

    of_names = []
    if strict or not present:
        if missing:
            of_names.append(f"missing: {_listed(missing)}")
        if unexpected:
            of_names.append(f"unexpected: {_listed(unexpected)}")
    values, of_arrays = _converted(arrays, present)
    if of_names or of_arrays or not present:
        lines = "".join(f"\n  {line}" for line in of_names + _few(of_arrays))
        advice = "" if of_arrays or not present else _LENIENT
        raise ValueError(
            f"The arrays must fit the weights of {describe(target)}. "
            f"Received:{lines or ' no array'}\nNothing was loaded.{advice}"
        )

    _assign([(present[name].variable, values[name]) for name in present])
    return Report(
        entries=tuple(
            Entry(
                source=name,
                target=slot.variable.path,
                torch_shape=arrays[name].shape,
                keras_shape=tuple(slot.variable.shape),
                layout=slot.layout.name,
            )
            for name, slot in present.items()
        ),
        ignored=tuple(n for n in slots if n in arrays and n not in needed),
        missing=missing,
        unexpected=unexpected,
    )


def to_torch(target: keras.layers.Layer) -> dict[str, np.ndarray]:
    """Returns the weights of a layer or a model as PyTorch holds them.

    The way back of `load_torch`. With `torch.from_numpy` on each array, the
    result is a state dict that `load_state_dict` takes. The arrays are
    copies. bfloat16, which `torch.from_numpy` does not take, becomes float32,
    which holds the same numbers.

    Args:
        target: A built layer or model that `load_torch` takes.

    Returns:
        A dict of names to NumPy arrays in PyTorch's layout. Where several
        naming schemes are known, it is the first.

    Raises:
        ValueError: If the target has no known names, or is not built.

    Example:

    >>> layer = keras.layers.Conv2D(8, 3, use_bias=False)
    >>> layer.build((None, 32, 32, 4))
    >>> arrays = keras_attn.weights.to_torch(layer)
    >>> {name: array.shape for name, array in arrays.items()}
    {'weight': (8, 4, 3, 3)}
    """
    arrays = {}
    for name, slot in find_slots(target).items():
        if slot.variable is None:
            arrays[name] = np.zeros((), np.int64)
            continue
        array = slot.layout.to_torch(_value(slot.variable))
        dtype = "float32" if array.dtype.name == "bfloat16" else array.dtype
        arrays[name] = np.array(array, dtype, order="C")
    return arrays


_LENIENT = " Pass `strict=False` to load what has its place."
# How much of a kind an error shows: with the checkpoint of another network
# hundreds of names do not fit, and the first ones say which part differs.
_SHOWN = 8


def _converted(
    arrays: dict[str, np.ndarray], slots: dict[str, Slot]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Returns what to assign, by name, and what is wrong with the rest."""
    values: dict[str, np.ndarray] = {}
    first: dict[int, str] = {}
    problems = []
    for name, slot in slots.items():
        try:
            value = _converted_one(arrays[name], slot)
        except ValueError as error:
            problems.append(f"{name!r}: {error}")
            continue
        other = first.setdefault(id(slot.variable), name)
        if other in values and not np.array_equal(value, values[other]):
            problems.append(f"{name!r}: not {other!r}, but the same weight")
        values[name] = value
    return values, problems


def _converted_one(array: np.ndarray, slot: Slot) -> np.ndarray:
    """Returns a copy in the shape and dtype of the variable, or says why not.

    What fails the tests of type and shape is never copied: it may be large.
    """
    if array.dtype.kind not in "iuf" and array.dtype.name != "bfloat16":
        raise ValueError(f"holds {array.dtype}, not real numbers")
    shape = tuple(slot.variable.shape)
    array = slot.layout.fit(array, shape)
    dtype = keras.backend.standardize_dtype(slot.variable.dtype)
    with np.errstate(all="ignore"):
        value = np.array(slot.layout.to_keras(array, shape), dtype, order="C")
    if keras.backend.is_float_dtype(dtype):
        bad = ~np.isfinite(value)
        if bad.any():
            raise ValueError(
                f"not finite as {dtype}: {bad.sum()} of {value.size} values"
            )
    elif not np.array_equal(slot.layout.to_torch(value), array):
        raise ValueError(f"holds numbers that {dtype} cannot hold")
    return value


def _assign(pairs: list[tuple[keras.Variable, np.ndarray]]) -> None:
    """Assigns all values or, if one cannot be, none."""
    before = [(variable, _value(variable)) for variable, _ in pairs]
    try:
        for variable, value in pairs:
            variable.assign(value)
    except BaseException:
        for variable, value in before:
            variable.assign(value)
        raise


def _value(variable: keras.Variable) -> np.ndarray:
    """Returns a copy: a backend may hand out its own memory."""
    return np.array(to_numpy(variable))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(_few(list(map(repr, names))))


def _few(texts: list[str]) -> list[str]:
    """Returns the first ones, and how many more there are."""
    more = len(texts) - _SHOWN
    return texts[:_SHOWN] + [f"and {more} more"] * (more > 0)
