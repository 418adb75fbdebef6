"""Whose limit it is where an export fails, as seen by what was said."""

import re

# Of "<name> <format> <size>: <message>", the first that is found.
LIMITS = (
    # The block or the model says it before anything is exported.
    (
        r"^\S+ \S+ open: Model: ",
        "mathematics: a weight for each position or pixel ties it to one size",
    ),
    (
        r"exporter of SavedModels on PyTorch fails",
        "Keras: its exporter of SavedModels on PyTorch fails for every model",
    ),
    (
        r"cannot export LiteRT from JAX",
        "Keras: it exports no LiteRT from JAX",
    ),
    (
        r"exports to 'litert' for one size only",
        "Keras: on PyTorch it exports LiteRT for one size, and one image a run",
    ),
    (
        r"then traces PyTorch on an image of one pixel",
        "Keras: PyTorch is traced on an image of one pixel where the size is "
        "open, which the pooling or the crop here cannot take",
    ),
    (
        r"Failed to convert PyTorch model to LiteRT",
        "litert-torch: it fails to convert an operation",
    ),
    (
        r"litert known: .*Didn't find op for builtin opcode",
        "LiteRT: the interpreter lacks an operation that litert-torch writes",
    ),
    (
        r"onnx \w+: .*reshape with symbolic dimensions requires",
        "jax2onnx: it joins no open sizes, or a size and the batch",
    ),
    (
        r"on a batch of 1. .*MaxPool node.*Unsupported pooling size",
        "jax2onnx: it writes max pooling, Keras' own too, with four axes, "
        "which ONNX Runtime does not run",
    ),
    (
        r"unregistered operation 'vhlo\.composite_v2'",
        "TensorFlow: its XLA is older than JAX's, and does not know erf, of "
        "GELU, as that writes it",
    ),
    (
        r"SOCA onnx open: .*used in a context that requires a constant",
        "jax2onnx: it slices no open size",
    ),
    (
        r"onnx \w+: .*argument to jax.numpy.arange as a JAX value",
        "jax2onnx: its `arange` takes neither one argument nor an open size",
    ),
    (
        r"TenCrop \w+ open: .*must be resolved statically",
        "JAX: it cuts nothing out of an image that might be smaller",
    ),
)
MISSING = "missing"


def limit_of(key, outcome):
    """Returns the limit that a failure is known to be of, or `None`.

    `MISSING` if a package is not installed, so that nothing was tried.
    """
    if outcome["kind"] == "ImportError" and "pip install" in outcome["message"]:
        return MISSING
    text = f"{key}: {outcome['kind']}: {outcome['message']}"
    for pattern, limit in LIMITS:
        if re.search(pattern, text):
            return limit
    return None
