"""Writes a model to a file for another runtime, and runs that file."""

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
    """Exports a model, runs the exported file and returns its largest error.

    The model is written by `model.export`, in float32, for inference and for
    batches of any size. The file is then loaded in its runtime and run on
    batches of 1 and 3 random inputs. Its outputs `y` are compared to the
    outputs `e` of the model by `max |y - e| / max |e|`. If the model leaves
    height and width open, the two batches have different sizes. The inputs are
    scaled until the outputs depend on them. A warning is given if they never
    do, for example because all weights are 0.

    The export is all or nothing: only after these checks is the file or folder
    at `path` replaced.

    In ONNX, inputs and outputs have their names in the model. If a layer has
    two outputs, the name of the second one ends in `_1`. In SavedModel and
    LiteRT, outputs are called `output_0`, `output_1` and so on, or by the keys
    of a dict.

    ONNX is supported on all three backends, on JAX with the package jax2onnx.
    SavedModel is supported on TensorFlow, and on JAX if TensorFlow is
    installed. LiteRT is supported on TensorFlow, and on PyTorch with the
    package litert-torch.

    Args:
        model: A built `keras.Model`, functional, sequential or subclassed, of
            this package or any other. All inputs must be float32, and all
            layers must compute in float32.
        path: The file or folder to write, in an existing folder. A file must
            end in `.onnx` or `.tflite`. A SavedModel is a folder.
        format: `"onnx"`, `"tf_saved_model"` or `"litert"`. Defaults to
            `"onnx"`.
        tolerance: Positive number, the largest accepted difference, relative
            to the largest number of an output. Defaults to `1e-4`.

    Returns:
        A float, the largest relative difference, as in `tolerance`.

    Raises:
        ValueError: If the model, the path or the format cannot be exported on
            this backend, if Keras fails to export the model, if the exported
            model does not run, or if the difference is above the tolerance.
            Nothing is written then.
        ImportError: If a required package is missing. The message says how to
            install it.

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
    runs = []
    # No comprehension, which some versions of Python count as a caller.
    for batch in BATCHES:
        runs.append(signature.run(model, batch))
    with new_neighbor(path) as neighbor:
        _, outputs = runs[0]
        names = naming.output_names(model, len(outputs))
        _write(model, neighbor.path, target, signature, names)
        differences = [
            _difference(neighbor.path, target, signature, *run) for run in runs
        ]
        largest = max(differences)
        # Written so that NaN does not pass.
        if not largest <= tolerance:
            raise ValueError(
                "The exported model must return the outputs of the Keras "
                f"model. Received: a largest difference of {largest:.1e}, "
                f"relative to the largest output, tolerance={tolerance}, "
                f"format={format!r}. Nothing was written. Possible causes are "
                "layers that draw random numbers in inference, or that depend "
                "on the size of the traced example. If the difference is only "
                "rounding, pass a larger `tolerance`."
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
    """Writes the model with Keras, without the output of its exporters."""
    try:
        # Exporters do not support operations for gradients.
        with quiet(), backend.no_gradient():
            model.export(
                str(path),
                format=target.name,
                verbose=False,
                # One argument, even if it is a nest.
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
        # PyTorch's messages contain the whole graph, up to megabytes.
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
    """Runs the exported model and returns its largest difference."""
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
            "The outputs of the exported model must have the shapes "
            f"{[e.shape for e in expected]} for a batch of {batch}, as in the "
            f"Keras model. Received: {[y.shape for y in outputs]}. Nothing was "
            "written."
        )
    return max(_relative(y, e) for y, e in zip(outputs, expected, strict=True))


def _relative(y: np.ndarray, expected: np.ndarray) -> float:
    """Returns the largest difference, relative to the largest output."""
    y, expected = y.astype("float64"), expected.astype("float64")
    largest = np.abs(expected).max() or 1.0
    difference = np.abs(y - expected).max() / largest
    return float(difference) if np.isfinite(difference) else float("inf")
