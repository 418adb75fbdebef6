"""What must be right before anything is written."""

import importlib.util
import pathlib
from collections.abc import Iterator
from typing import Any

import keras

from keras_attn.exporting.formats import Format
from keras_attn.exporting.signature import Signature

# Endings of files: a SavedModel is a folder.
_FILES = (".onnx", ".tflite", ".keras", ".h5", ".pb", ".pt2")


def check_packages(target: Format) -> None:
    """Raises if a package is missing, and says what to install."""
    missing = [
        package
        for module, package in target.packages.items()
        if importlib.util.find_spec(module) is None
    ]
    if missing:
        raise ImportError(
            f"`export` to {target.name!r} on the backend "
            f"{keras.backend.backend()!r} needs {', '.join(missing)}: "
            f"pip install {' '.join(missing)}"
        )


def check_path(path: pathlib.Path, target: Format) -> None:
    """Raises unless the path is one for the format, and free for it."""
    if target.ending and path.suffix != target.ending:
        raise ValueError(
            f"The path must end in {target.ending!r} for "
            f"format={target.name!r}. Received: path={str(path)!r}"
        )
    if not target.ending and path.suffix in _FILES:
        raise ValueError(
            f"The path must name a folder for format={target.name!r}. "
            f"Received: path={str(path)!r}, which ends like a file. Leave "
            f"{path.suffix!r} out."
        )
    if not path.parent.is_dir():
        raise ValueError(
            "The folder of the path must exist. Received: "
            f"path={str(path)!r}. Make {str(path.parent)!r} first."
        )
    if target.ending and path.is_dir():
        raise ValueError(
            "The path must be that of a file. Received: "
            f"path={str(path)!r}, which is a folder."
        )
    if target.ending or not path.exists():
        return
    # A folder is replaced as a whole, with all that is in it.
    ours = path.is_dir() and (path / "saved_model.pb").is_file()
    empty = path.is_dir() and not any(path.iterdir())
    if not (ours or empty):
        raise ValueError(
            "The path must be free, or that of an earlier SavedModel, which "
            f"is replaced. Received: path={str(path)!r}, which is something "
            "else. Choose another name."
        )


def check_model(model: Any) -> None:
    """Raises unless it is a model, built, that computes in float32."""
    if not isinstance(model, keras.Model):
        advice = ""
        if isinstance(model, keras.layers.Layer):
            advice = (
                " Wrap the layer: inputs = keras.Input(shape); "
                "model = keras.Model(inputs, layer(inputs))."
            )
        raise ValueError(
            "`model` must be a `keras.Model`. Received: "
            f"model={model!r}.{advice}"
        )
    if not model.built:
        raise ValueError(
            "The model must be built. Received: "
            f"model={model.name!r}, which is not. Call it on an example "
            "first: model(inputs)."
        )
    # A graph casts nothing by itself; what a subclass calls, it casts.
    is_graph = bool(getattr(model, "inputs", None))
    others = [
        layer
        for layer in (*([] if is_graph else [model]), *_layers(model))
        if layer.compute_dtype not in ("float32", None)
    ]
    if others:
        first = others[0]
        raise ValueError(
            "All layers must compute in float32 to be exported. Received: "
            f"the layer {first.name!r} with the policy "
            f"{first.dtype_policy.name!r}, and {len(others) - 1} more. Build "
            "the model again under keras.config.set_dtype_policy('float32'), "
            "and give it the weights: "
            "new_model.set_weights(model.get_weights())."
        )


def _layers(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """Yields a model's layers, those of models in it too."""
    inner = getattr(layer, "layers", None) or []
    if not inner:
        yield layer
    for each in inner:
        yield from _layers(each)


def check_signature(signature: Signature, target: Format) -> None:
    """Raises unless all inputs are float32, of known size where needed."""
    wrong = [s for s in signature.specs if s.dtype != "float32"]
    if wrong:
        raise ValueError(
            "All inputs must be float32 to be exported. Received: the input "
            f"{wrong[0].name!r} of dtype {wrong[0].dtype!r}. Take the cast "
            "out of the model, and do it before."
        )
    if target.fixed and signature.is_open:
        shapes = [s.shape for s in signature.specs]
        raise ValueError(
            f"On the backend {keras.backend.backend()!r}, Keras exports to "
            f"{target.name!r} for one size only. Received: inputs of shape "
            f"{', '.join(map(str, shapes))}. Build the model for the height "
            "and width that it is to run on."
        )
