"""Run an exported model in the program that it is for.

Each function takes a path, the inputs as the model takes them and their
signature, and returns a list of arrays, in the order of the model's outputs.
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

    # By a name, as its variables do not outlive it.
    loaded = tf.saved_model.load(str(path))
    outputs = loaded.serve(keras.tree.map_structure(tf.constant, inputs))
    return [np.asarray(y) for y in keras.tree.flatten(outputs)]


def run_litert(
    path: pathlib.Path, inputs: Nest, signature: Signature
) -> list[np.ndarray]:
    """Runs a model in LiteRT, one by one if that is what it takes."""
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
    """Returns the interpreter of LiteRT, or its elder in TensorFlow."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow as tf

        Interpreter = tf.lite.Interpreter
    return Interpreter(model_path=path)


def _feed(
    names: list[str], inputs: Nest, signature: Signature
) -> dict[str, np.ndarray]:
    """Returns the array for each name that a file has for its inputs.

    Those of the model where all of them are, since an input of which only the
    shape is read may not be there; else they are in its order.
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
