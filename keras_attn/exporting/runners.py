"""Runs exported models in their runtimes.

Each function takes a path, the inputs of the model and their signature. It
returns a list of arrays, in the order of the model's outputs.
"""

import pathlib
import re
from typing import Any

import keras
import numpy as np

from keras_attn.backend.protocol import Nest
from keras_attn.exporting.signature import Signature


def run_onnx(
    path: pathlib.Path, inputs: Nest, signature: Signature
) -> list[np.ndarray]:
    """Runs a model in ONNX Runtime, on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )
    names = [node.name for node in session.get_inputs()]
    outputs = session.run(None, _feed(names, inputs, signature))
    return [np.asarray(y) for y in outputs]


def run_tf_saved_model(
    path: pathlib.Path, inputs: Nest, signature: Signature
) -> list[np.ndarray]:
    """Runs a model in TensorFlow."""
    import tensorflow as tf

    # Kept in a variable: its weights are freed together with it.
    loaded = tf.saved_model.load(str(path))
    outputs = loaded.serve(keras.tree.map_structure(tf.constant, inputs))
    return [np.asarray(y) for y in keras.tree.flatten(outputs)]


def run_litert(
    path: pathlib.Path, inputs: Nest, signature: Signature
) -> list[np.ndarray]:
    """Runs a model in LiteRT, image by image if its batch size is 1."""
    run = _interpreter(str(path)).get_signature_runner()
    details = run.get_input_details()
    feed = _feed(sorted(details, key=_natural), inputs, signature)
    batch = len(next(iter(feed.values())))
    one_by_one = all(d["shape_signature"][0] == 1 for d in details.values())
    steps = [slice(None)]
    if one_by_one:
        steps = [slice(i, i + 1) for i in range(batch)]
    parts = []
    for step in steps:
        found = run(**{name: array[step] for name, array in feed.items()})
        parts.append([found[name] for name in sorted(found, key=_natural)])
    return [np.concatenate(each) for each in zip(*parts, strict=True)]


def _interpreter(path: str) -> Any:
    """Returns LiteRT's interpreter, or its predecessor in TensorFlow."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow as tf

        Interpreter = tf.lite.Interpreter
    return Interpreter(model_path=path)


def _feed(
    names: list[str], inputs: Nest, signature: Signature
) -> dict[str, np.ndarray]:
    """Returns the array for each input name of a file.

    If all names are those of the model, arrays are matched by name, since the
    file may lack an input of which only the shape is used. Otherwise they are
    matched by order.
    """
    arrays = signature.arrays(inputs)
    known = dict(zip([s.name for s in signature.specs], arrays, strict=True))
    if set(names) <= set(known):
        return {name: known[name] for name in names}
    return dict(zip(names, arrays, strict=True))


def _natural(name: str) -> list[int | str]:
    """Returns a key that sorts `output_2` before `output_10`."""
    return [
        int(part) if part.isdigit() else part
        for part in re.split(r"(\d+)", name)
    ]
