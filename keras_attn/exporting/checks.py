"""Checks before anything is written."""

import importlib.util
import pathlib
from collections.abc import Iterator
from typing import Any

import keras

from keras_attn.exporting.formats import Format
from keras_attn.exporting.signature import Signature

# File extensions. A SavedModel is a folder without one.
_FILES = (".onnx", ".tflite", ".keras", ".h5", ".pb", ".pt2")


def check_packages(target: Format) -> None:
    """Raises an `ImportError` with the command to install missing packages."""
    missing = [
        package
        for module, package in target.packages.items()
        if importlib.util.find_spec(module) is None
    ]
    if missing:
        raise ImportError(
            f"Exporting to {target.name!r} on the backend "
            f"{keras.backend.backend()!r} requires {', '.join(missing)}. "
            f"Install: pip install {' '.join(missing)}{_extra(target)}"
        )


def _extra(target: Format) -> str:
    if target.name != "onnx":
        return ""
    name = "export-jax" if keras.backend.backend() == "jax" else "export"
    return f". All of them are in the extra {name!r} of keras_attn."


def check_path(path: pathlib.Path, target: Format) -> None:
    """Raises unless the path fits the format and can be written."""
    if target.ending and path.suffix != target.ending:
        raise ValueError(
            f"The path must end in {target.ending!r} for "
            f"format={target.name!r}. Received: path={str(path)!r}"
        )
    if not target.ending and path.suffix in _FILES:
        raise ValueError(
            f"The path must name a folder for format={target.name!r}. "
            f"Received: path={str(path)!r}. Remove the file extension "
            f"{path.suffix!r}."
        )
    if not path.parent.is_dir():
        raise ValueError(
            "The folder of the path must exist. Received: "
            f"path={str(path)!r}. Create {str(path.parent)!r} first."
        )
    if target.ending and path.is_dir():
        raise ValueError(
            "The path must name a file. Received: "
            f"path={str(path)!r}, which is a folder."
        )
    if target.ending or not path.exists():
        return
    # A folder is replaced as a whole, with all its contents.
    ours = path.is_dir() and (path / "saved_model.pb").is_file()
    empty = path.is_dir() and not any(path.iterdir())
    if not (ours or empty):
        raise ValueError(
            "The path must be free, or hold an earlier SavedModel to replace. "
            f"Received: path={str(path)!r}, which is something else. Choose "
            "another name."
        )


def check_model(model: Any) -> None:
    """Raises unless it is a built model that computes in float32."""
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
            f"model={model.name!r}, which is not built. Call it on an example "
            "first: model(inputs)."
        )
    # A functional model does not cast; a subclass casts in its own policy.
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
            f"{first.dtype_policy.name!r}, and {len(others) - 1} more. Call "
            "keras.config.set_dtype_policy('float32'), build the model again "
            "and copy the weights: "
            "new_model.set_weights(model.get_weights())."
        )


def _layers(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """Yields the layers of a model and of all nested models."""
    inner = getattr(layer, "layers", None) or []
    if not inner:
        yield layer
    for each in inner:
        yield from _layers(each)


def check_signature(signature: Signature, target: Format) -> None:
    """Raises unless all inputs are float32, and of known size if required."""
    wrong = [s for s in signature.specs if s.dtype != "float32"]
    if wrong:
        raise ValueError(
            "All inputs must be float32 to be exported. Received: the input "
            f"{wrong[0].name!r} of dtype {wrong[0].dtype!r}. Cast the inputs "
            "before the model instead of inside it."
        )
    if target.fixed and signature.is_open:
        shapes = [s.shape for s in signature.specs]
        raise ValueError(
            f"On the backend {keras.backend.backend()!r}, Keras exports to "
            f"{target.name!r} for one size only. Received: inputs of shape "
            f"{', '.join(map(str, shapes))}. Build the model with a fixed "
            "height and width."
        )
