"""Loads PyTorch weights into Keras layers and models, and exports them."""

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

# How a caller of `load_torch` can leave weights unchanged.
_LENIENT = "pass `strict=False`"


def load_torch(
    target: keras.layers.Layer,
    source: Source,
    strict: bool = True,
    key: str | None = None,
) -> Report:
    """Loads PyTorch weights into a layer or a model.

    Use it for weights that were trained with the reference implementation,
    torchvision or timm. The naming scheme is recognised from the names.
    Everything is checked before the first weight changes.

    Dictionaries around the weights (such as `state_dict`, `model` or
    `teacher`) and common prefixes of all names (such as `module.`,
    `_orig_mod.` or `backbone.`) are removed, and the report lists them. If
    the model has no classifier, a classifier in the checkpoint is ignored. If
    it has another number of classes, `strict=False` loads everything else.

    A checkpoint contains arrays, but not the graph. Strides, the number of
    heads, the variant of GELU, the epsilon of a normalisation and the scaling
    of images are not stored in it. They must match the trained network.

    Args:
        target: A built layer or model of keras_attn, or a Keras `Conv1D`,
            `Conv2D`, `DepthwiseConv2D`, `Dense`, `BatchNormalization`,
            `GroupNormalization` or `LayerNormalization`.
        source: A path that ends in `.safetensors`, `.pt`, `.pth`, `.pth.tar`,
            `.ckpt`, `.bin` or `.npz`, or a mapping from names to arrays or
            tensors, in PyTorch's layout.
        strict: Boolean, whether missing or unexpected names, or another
            number of classes, raise an error. Defaults to `True`.
        key: Key or prefix of the weights in the source, such as
            `"model_ema"` or `"student"`. `None` selects the one that fits
            best. Defaults to `None`.

    Returns:
        A report with the fields `entries`, `ignored`, `missing`,
        `unexpected`, `skipped`, `taken` and `others`. Each of its `entries`
        has a `source`, a `target`, a `torch_shape`, a `keras_shape` and a
        `layout`.

    Raises:
        ValueError: If the source cannot be read, the target has no known
            names, the arrays do not fit (missing or unexpected names, wrong
            shapes, numbers that are not finite), or the names show that the
            network computes something else. The error lists the first
            problems of each kind. The target is not changed.

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
    new_classifier: bool = False,
    architecture: str | None = None,
) -> Report:
    """Implements `load_torch`, with error messages for other callers.

    Args:
        target: As for `load_torch`.
        source: As for `load_torch`.
        strict: As for `load_torch`.
        key: As for `load_torch`.
        argument: The name of the source in error messages.
        lenient: Advice on how to leave weights unchanged.
        new_classifier: Whether a classifier may keep its initial values if
            the source has none, or has another number of classes.
        architecture: timm's name of the network, `""` if the caller has
            compared the networks, or `None` to find it in the source.
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
    if architecture is None:
        architecture = stated_architecture(source, checkpoint)
    if reason := why_refused(target, names, architecture):
        raise ValueError(
            "The checkpoint must be of a network that computes the same as "
            f"{describe(target)}. Received: {reason} Nothing was loaded."
        )
    arrays = {n: to_array(n, a, is_file) for n, a in found.weights.items()}
    needed = {name: s for name, s in slots.items() if s.variable is not None}
    present = {name: s for name, s in needed.items() if name in arrays}
    missing = tuple(name for name in needed if name not in arrays)
    unexpected = tuple(name for name in arrays if name not in slots)

    values, problems, shapes = _converted(arrays, present)
    mismatch = Mismatch(needed, missing, unexpected, problems, shapes)
    skipped: tuple[str, ...] = ()
    if (new_classifier or not strict) and mismatch.classes():
        skipped, problems, shapes = tuple(problems), {}, {}
        present = {n: s for n, s in present.items() if n not in skipped}
    new = mismatch.classifier() if new_classifier else ()
    matters = strict or not present
    absent = missing if matters and missing != new else ()
    unknown = unexpected if matters else ()
    if problems or not present or absent or unknown:
        mismatch = Mismatch(needed, absent, unknown, problems, shapes)
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
        skipped=skipped,
        taken=".".join(found.where),
        others=tuple(map(".".join, found.others)),
    )


def to_torch(target: keras.layers.Layer) -> dict[str, np.ndarray]:
    """Returns the weights of a layer or a model in PyTorch's layout.

    This is the inverse of `load_torch`. After `torch.from_numpy` on each
    array, the result is a state dict for `load_state_dict`. The arrays are
    copies. bfloat16 is converted to float32 without loss, since
    `torch.from_numpy` does not accept it.

    Args:
        target: A built layer or model that `load_torch` accepts.

    Returns:
        A dict from names to NumPy arrays in PyTorch's layout. If several
        naming schemes are known, the first one is used.

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
    """Returns values to assign, problems, and shapes that do not fit."""
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
            problems[name] = f"differs from {other!r}, the same weight"
        values[name] = value
    return values, problems, shapes


def _converted_one(
    array: np.ndarray, variable: keras.Variable, layout: Layout
) -> np.ndarray:
    """Converts an array to the shape and dtype of a variable, as a copy.

    Arrays of the wrong type or shape are never copied, since they may be huge.
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
    """Assigns all values, or none if one of them fails."""
    before = [(variable, _value(variable)) for variable, _ in pairs]
    try:
        for variable, value in pairs:
            variable.assign(value)
    except BaseException:
        for variable, value in before:
            variable.assign(value)
        raise


def _value(variable: keras.Variable) -> np.ndarray:
    """Returns a copy, since a backend may return its own memory."""
    return np.array(to_numpy(variable))
