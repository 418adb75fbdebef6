"""Names the package that is responsible for a failed export."""

import re

# The first pattern that matches "<name> <format> <size>: <kind>: <message>".
LIMITS = (
    # The block or the model raises it before anything is exported.
    (
        r"^\S+ \S+ open: Model: ",
        "mathematics: a weight per position or pixel requires a fixed size",
    ),
    (
        r"exporter of SavedModels on PyTorch fails",
        "Keras: its SavedModel exporter on PyTorch fails for every model",
    ),
    (
        r"cannot export LiteRT from JAX",
        "Keras: it does not export LiteRT from JAX",
    ),
    (
        r"exports to 'litert' for one size only",
        "Keras: on PyTorch it exports LiteRT for one size and one image per "
        "run",
    ),
    (
        r"then traces PyTorch on an image of one pixel",
        "Keras: with an open size, it traces PyTorch on an image of one "
        "pixel, which this pooling or crop does not accept",
    ),
    (
        r"Failed to convert PyTorch model to LiteRT",
        "litert-torch: it fails to convert an operation",
    ),
    (
        r"litert known: .*Didn't find op for builtin opcode",
        "LiteRT: the interpreter does not have an operation that "
        "litert-torch writes",
    ),
    (
        r"onnx \w+: .*reshape with symbolic dimensions requires",
        "jax2onnx: it cannot merge open sizes, or a size and the batch",
    ),
    (
        r"on a batch of 1. .*MaxPool node.*Unsupported pooling size",
        "jax2onnx: it writes max pooling, also Keras' own, with four axes, "
        "which ONNX Runtime cannot run",
    ),
    (
        r"unregistered operation 'vhlo\.composite_v2'",
        "TensorFlow: its XLA is older than JAX's and does not support the "
        "erf that JAX writes for GELU",
    ),
    (
        r"SOCA onnx open: .*used in a context that requires a constant",
        "jax2onnx: it cannot slice an open size",
    ),
    (
        r"onnx \w+: .*argument to jax.numpy.arange as a JAX value",
        "jax2onnx: its `arange` supports neither one argument nor an open size",
    ),
    (
        r"TenCrop \w+ open: .*must be resolved statically",
        "JAX: it cannot crop an image that might be smaller than the crop",
    ),
)
MISSING = "missing"


def limit_of(key, outcome):
    """Returns the known limit that explains a failure, or `None`.

    Returns `MISSING` if a package is not installed and nothing was tried.
    """
    if outcome["kind"] == "ImportError" and "pip install" in outcome["message"]:
        return MISSING
    text = f"{key}: {outcome['kind']}: {outcome['message']}"
    for pattern, limit in LIMITS:
        if re.search(pattern, text):
            return limit
    return None
