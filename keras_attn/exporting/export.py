"""Writes a model as a file of another program, and runs that file."""

import os
import pathlib

import keras
import numpy as np

from keras_attn import backend
from keras_attn.backend.protocol import Nest
from keras_attn.checks import number
from keras_attn.exporting import checks, naming, runners
from keras_attn.exporting.formats import Format, find_format
from keras_attn.exporting.quiet import quiet, shortened
from keras_attn.exporting.signature import Signature, read_signature
from keras_attn.exporting.swap import new_neighbor

BATCHES = (1, 3)


def export(
    model: keras.Model,
    path: str | os.PathLike[str],
    format: str = "onnx",
    tolerance: float = 1e-4,
) -> float:
    """Exports a model, runs what was written, and returns how far it is off.

    It writes by `model.export`, in float32, for inference and for batches of
    any size. Then it loads the file in the program that it is for, runs it on
    a batch of 1 and a batch of 3 random inputs, and compares: `max |y - e| /
    max |e|` for each output `y` of the file and `e` of the model. Where the
    model leaves height and width open, the two batches have different ones.

    Nothing is half done: what is at `path` is replaced at the very end, once
    all of that went well.

    In ONNX, inputs and outputs have the names that they have in the model; of
    two outputs of one layer, the second one has `_1` at the end. In a
    SavedModel and in LiteRT, outputs are called `output_0`, `output_1` and so
    on, or by the keys of a dict.

    ONNX can be had on all three backends, on JAX with the package jax2onnx; a
    SavedModel on TensorFlow, and on JAX with TensorFlow installed; LiteRT on
    TensorFlow, and on PyTorch with the package litert-torch.

    Args:
        model: A `keras.Model` that is built: functional, sequential or
            subclassed, of this package or not. All inputs are float32, and
            all layers compute in it.
        path: What to write, in a folder that exists: a file that ends in
            `.onnx` or `.tflite`, or a folder for a SavedModel.
        format: `"onnx"`, `"tf_saved_model"` or `"litert"`. Defaults to
            `"onnx"`.
        tolerance: The largest difference that is accepted, relative to the
            largest number of an output. Defaults to `1e-4`.

    Returns:
        The largest difference, a float: relative, as `tolerance` is.

    Raises:
        ValueError: If the model, the path or the format cannot be exported on
            this backend, if Keras fails to export it, if what it wrote does
            not run, or if the difference is above the tolerance. Nothing is
            written then.
        ImportError: If a package is missing that the export needs; the
            message says which to install.

    Example:

    >>> import pathlib, tempfile
    >>> formats = {"torch": ("onnx", "gate.onnx")}
    >>> other = "tf_saved_model", "gate"
    >>> format, name = formats.get(keras.backend.backend(), other)
    >>> images = keras.Input((8, 8, 16))
    >>> model = keras.Model(images, keras_attn.layers.SE(ratio=4)(images))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / name
    ...     difference = keras_attn.export(model, path, format)
    ...     path.exists(), difference < 1e-4
    (True, True)
    """
    path = pathlib.Path(path)
    target = find_format(format)
    number("tolerance", tolerance, above=0)
    checks.check_packages(target)
    checks.check_path(path, target)
    checks.check_model(model)
    signature = read_signature(model)
    checks.check_signature(signature, target)
    runs = [signature.run(model, batch) for batch in BATCHES]
    with new_neighbor(path) as neighbor:
        _, outputs = runs[0]
        names = naming.output_names(model, len(outputs))
        _write(model, neighbor.path, target, signature, names)
        differences = [
            _difference(neighbor.path, target, signature, *run) for run in runs
        ]
        largest = max(differences)
        # Written so that what is no number does not pass.
        if not largest <= tolerance:
            raise ValueError(
                "The exported model must give the outputs of the Keras model. "
                f"Received: a largest difference of {largest:.1e}, relative "
                f"to the largest output, tolerance={tolerance}, "
                f"format={format!r}. Nothing was written. A layer that draws "
                "numbers in inference, or that computes with sizes of the "
                "example it is traced with, makes a difference; where it is "
                "only rounding, pass a larger `tolerance`."
            )
        neighbor.replace()
    return largest


def _write(
    model: keras.Model,
    path: pathlib.Path,
    target: Format,
    signature: Signature,
    names: list[str],
) -> None:
    """Lets Keras write, without what its exporters print."""
    try:
        # What a gradient needs is nothing that exporters know.
        with quiet(), backend.no_gradient():
            model.export(
                str(path),
                format=target.name,
                verbose=False,
                # One argument, whatever is in it.
                input_signature=[signature.structure],
                **target.options,
            )
            if target.name == "onnx":
                naming.name_onnx(path, signature.names, names)
    except Exception as error:
        message = (
            f"Keras must be able to export the model as {target.name!r} on "
            f"the backend {keras.backend.backend()!r}. Received: "
            f"{type(error).__name__}: {shortened(error)}. Nothing was "
            f"written.{target.hint if signature.is_open else ''}"
        )
        # PyTorch's messages hold the whole graph: megabytes.
        raise ValueError(message) from error if _is_short(error) else None


def _is_short(error: Exception) -> bool:
    return len(str(error)) < 10_000


def _difference(
    path: pathlib.Path,
    target: Format,
    signature: Signature,
    inputs: Nest,
    expected: list[np.ndarray],
) -> float:
    """Runs the written model, and returns its largest difference."""
    batch = len(signature.arrays(inputs)[0])
    run = getattr(runners, f"run_{target.name}")
    try:
        with quiet():
            outputs = run(path, inputs, signature)
    except Exception as error:
        raise ValueError(
            f"The exported model must run, as {target.name!r} and on a batch "
            f"of {batch}. Received: {type(error).__name__}: "
            f"{shortened(error)}. Nothing was written."
        ) from error if _is_short(error) else None
    if [y.shape for y in outputs] != [e.shape for e in expected]:
        raise ValueError(
            "The exported model must give outputs of the shapes of the Keras "
            f"model. Received: {[y.shape for y in outputs]} for a batch of "
            f"{batch}, expected {[e.shape for e in expected]}. Nothing was "
            "written."
        )
    return max(_relative(y, e) for y, e in zip(outputs, expected, strict=True))


def _relative(y: np.ndarray, expected: np.ndarray) -> float:
    """Returns the largest difference, over the largest expected number."""
    y, expected = y.astype("float64"), expected.astype("float64")
    largest = np.abs(expected).max() or 1.0
    difference = np.abs(y - expected).max() / largest
    return float(difference) if np.isfinite(difference) else float("inf")
