"""The supported export formats of each backend, and their requirements."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import keras

from keras_attn.checks import one_of


@dataclass(frozen=True)
class Format:
    """A format on a backend.

    Args:
        name: The name of the format in Keras.
        ending: The file extension, empty for a folder.
        packages: Required modules, with the package to install for each.
        options: Arguments of `model.export`.
        fixed: Whether the file supports inputs of one size only.
        hint: The advice in the error if exporting an open size fails.
    """

    name: str
    ending: str
    packages: Mapping[str, str] = field(default_factory=dict)
    options: Mapping = field(default_factory=dict)
    fixed: bool = False
    hint: str = ""


ENDINGS = {"onnx": ".onnx", "tf_saved_model": "", "litert": ".tflite"}
_ONNX = {"onnxruntime": "onnxruntime", "onnx": "onnx"}
_TABLE = {
    ("tensorflow", "onnx"): {"packages": {**_ONNX, "tf2onnx": "tf2onnx"}},
    ("tensorflow", "tf_saved_model"): {},
    ("tensorflow", "litert"): {},
    ("torch", "onnx"): {
        "packages": {**_ONNX, "onnxscript": "onnxscript"},
        "hint": (
            " Height and width are open, and Keras then traces PyTorch on an "
            "image of one pixel. Build the model for one size, or export it "
            "from TensorFlow or JAX."
        ),
    },
    ("torch", "litert"): {
        "packages": {
            "litert_torch": "litert-torch",
            "ai_edge_litert": "ai-edge-litert",
        },
        "fixed": True,
    },
    ("jax", "onnx"): {
        "packages": {**_ONNX, "jax2onnx": "jax2onnx", "flax": "flax"}
    },
    # Exported models are not trained, and the gradients of Keras' own
    # convolutions fail if a size is unknown.
    ("jax", "tf_saved_model"): {
        "packages": {"tensorflow": "tensorflow"},
        "options": {"jax2tf_kwargs": {"with_gradient": False}},
    },
}
_LIMITS = {
    ("torch", "tf_saved_model"): (
        "Keras' exporter of SavedModels on PyTorch fails for every model "
        "(Keras 3.15)"
    ),
    ("jax", "litert"): "Keras cannot export LiteRT from JAX",
}


def find_format(name: str) -> Format:
    """Returns a format for the current backend, or raises if unsupported."""
    backend = keras.backend.backend()
    one_of("format", name, ENDINGS)
    if (backend, name) not in _TABLE:
        others = [b for b, format in _TABLE if format == name]
        formats = [format for b, format in _TABLE if b == backend]
        raise ValueError(
            f"{_LIMITS[backend, name]}. Received: format={name!r} on the "
            f"backend {backend!r}. Either pass format="
            f"{' or '.join(map(repr, formats))}, or save the model as "
            "`.keras`, load it with KERAS_BACKEND="
            f"{' or '.join(others)} and export it there."
        )
    return Format(name, ENDINGS[name], **_TABLE[backend, name])
