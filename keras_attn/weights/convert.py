"""Loads PyTorch weights into layers and models, and writes them."""

import os
from collections.abc import Collection

import keras
import numpy as np

from keras_attn.weights.architecture import stated_architecture
from keras_attn.weights.files import Source, read, to_array, to_numpy
from keras_attn.weights.layouts import Layout, Shape, ShapeError
from keras_attn.weights.mismatch import Mismatch
from keras_attn.weights.names import Slot, describe, find_slots
from keras_attn.weights.refusals import why_refused
from keras_attn.weights.report import Entry, Report
from keras_attn.weights.shown import plain
from keras_attn.weights.wrappers import find_weights

# What to do to leave weights as they are, for a caller of `load_torch`.
_LENIENT = "pass `strict=False`"


def load_torch(
    target: keras.layers.Layer,
    source: Source,
    strict: bool = True,
    key: str | None = None,
) -> Report:
    """Loads PyTorch weights into a layer or a model.

    For weights trained with the reference implementation, torchvision or
    timm. Which naming scheme it is, is recognised from the names. All is
    checked before the first weight changes.

    Dictionaries around the weights (`state_dict`, `model`, `teacher` and
    others) and what stands before all names (`module.`, `_orig_mod.`,
    `backbone.` and others) are taken off; the report says which. A classifier
    in the checkpoint of a model without one is ignored.

    A checkpoint holds arrays and no graph. Strides, the number of heads, the
    kind of GELU, the epsilon of a normalisation and how images are scaled
    leave no trace in it: these have to be those of the trained network.

    Args:
        target: A built layer or model of keras_attn; or a Keras `Conv1D`,
            `Conv2D`, `DepthwiseConv2D`, `Dense`, `BatchNormalization` or
            `LayerNormalization`.
        source: A path that ends in `.safetensors`, `.pt`, `.pth`, `.pth.tar`,
            `.ckpt`, `.bin` or `.npz`, or a mapping of names to arrays or
            tensors, in PyTorch's layout.
        strict: Boolean, whether names that are missing or unexpected are
            errors. Defaults to `True`.
        key: Key or prefix in the source under which the weights are, such as
            `"model_ema"` or `"student"`; `None` for the one that fits.
            Defaults to `None`.

    Returns:
        A report with the fields `entries`, `ignored`, `missing`,
        `unexpected`, `taken` and `others`. Each of its `entries` has a
        `source`, a `target`, a `torch_shape`, a `keras_shape` and a `layout`.

    Raises:
        ValueError: If the source cannot be read, if the target has no known
            names, if the arrays do not fit (names missing or unexpected,
            shapes, numbers that are not finite), or if names tell that the
            network computes something else. It says of each kind how much
            does not fit, and what comes first; the target is left as it was.

    Example:

    >>> layer = keras.layers.Dense(2)
    >>> layer.build((None, 3))
    >>> arrays = {"weight": np.ones((2, 3)), "bias": np.zeros(2)}
    >>> report = keras_attn.weights.load_torch(layer, arrays)
    >>> [(e.source, e.torch_shape, e.keras_shape) for e in report.entries]
    [('weight', (2, 3), (3, 2)), ('bias', (2,), (2,))]
    """
    return load(target, source, strict, key)


def load(
    target: keras.layers.Layer,
    source: Source,
    strict: bool = True,
    key: str | None = None,
    argument: str = "source",
    lenient: str = _LENIENT,
) -> Report:
    """Does what `load_torch` does, and speaks to the caller of another.

    Args:
        target: As of `load_torch`, as `source`, `strict` and `key` are.
        source: See there.
        strict: See there.
        key: See there.
        argument: What a message calls the source.
        lenient: What to do to leave weights as they are.
    """

    def fit(names: Collection[str]) -> int:
        slots = find_slots(target, names)
        return sum(
            slots[name].variable is not None for name in slots.keys() & names
        )

    is_file = isinstance(source, str | os.PathLike)
    checkpoint = read(source, argument)
    found = find_weights(checkpoint, fit, key)
    names = found.weights.keys()
    slots = find_slots(target, names)
    architecture = stated_architecture(source, checkpoint)
    if reason := why_refused(target, names, architecture):
        raise ValueError(
            "The checkpoint must be of a network that computes what "
            f"{describe(target)} computes. Received: {reason} "
            "Nothing was loaded."
        )
    arrays = {n: to_array(n, a, is_file) for n, a in found.weights.items()}
    needed = {name: s for name, s in slots.items() if s.variable is not None}
    present = {name: s for name, s in needed.items() if name in arrays}
    missing = tuple(name for name in needed if name not in arrays)
    unexpected = tuple(name for name in arrays if name not in slots)

    values, problems, shapes = _converted(arrays, present)
    matters = strict or not present
    if problems or not present or (strict and (missing or unexpected)):
        mismatch = Mismatch(
            slots=needed,
            missing=missing if matters else (),
            unexpected=unexpected if matters else (),
            problems=problems,
            shapes=shapes,
        )
        raise ValueError(mismatch.message(target, lenient))

    _assign([(present[name].variable, values[name]) for name in present])
    return Report(
        entries=tuple(
            Entry(
                source=name,
                target=slot.path,
                torch_shape=arrays[name].shape,
                keras_shape=values[name].shape,
                layout=slot.layout.name,
            )
            for name, slot in present.items()
        ),
        ignored=(
            *(n for n in arrays if n in slots and n not in needed),
            *found.beside,
        ),
        missing=missing,
        unexpected=unexpected,
        taken=".".join(found.where),
        others=tuple(map(".".join, found.others)),
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
        if slot.variable is None:  # a counter
            arrays[name] = np.zeros((), np.int64)
            continue
        array = slot.layout.to_torch(_value(slot.variable))
        dtype = "float32" if array.dtype.name == "bfloat16" else array.dtype
        arrays[name] = np.array(array, dtype, order="C")
    return arrays


def _converted(
    arrays: dict[str, np.ndarray], slots: dict[str, Slot]
) -> tuple[
    dict[str, np.ndarray], dict[str, str], dict[str, tuple[Shape, Shape]]
]:
    """Returns what to assign, what is wrong with the rest, and its shapes."""
    values: dict[str, np.ndarray] = {}
    first: dict[int, str] = {}
    problems, shapes = {}, {}
    for name, slot in slots.items():
        try:
            value = _converted_one(arrays[name], slot.variable, slot.layout)
        except ValueError as error:
            problems[name] = str(error)
            if isinstance(error, ShapeError):
                shapes[name] = error.found, error.expected
            continue
        other = first.setdefault(id(slot.variable), name)
        if other in values and not np.array_equal(value, values[other]):
            problems[name] = f"not {other!r}, but the same weight"
        values[name] = value
    return values, problems, shapes


def _converted_one(
    array: np.ndarray, variable: keras.Variable, layout: Layout
) -> np.ndarray:
    """Returns a copy in the shape and dtype of the variable, or says why not.

    What fails the tests of type and shape is never copied: it may be large.
    """
    if array.dtype.kind not in "iuf" and array.dtype.name != "bfloat16":
        raise ValueError(f"holds {plain(str(array.dtype))}, not real numbers")
    shape = tuple(variable.shape)
    array = layout.fit(array, shape)
    dtype = keras.backend.standardize_dtype(variable.dtype)
    with np.errstate(all="ignore"):
        value = np.array(layout.to_keras(array, shape), dtype, order="C")
    if keras.backend.is_float_dtype(dtype):
        bad = ~np.isfinite(value)
        if bad.any():
            raise ValueError(
                f"not finite as {dtype}: {bad.sum()} of {value.size} values"
            )
    elif not np.array_equal(layout.to_torch(value), array):
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
