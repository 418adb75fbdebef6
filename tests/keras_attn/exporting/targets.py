"""The formats that this environment can export, and readers of the files."""

import warnings

import keras
import numpy as np
import pytest

BACKEND = keras.backend.backend()
# The complete tests of all formats are in tests/exports.
FORMATS = {
    "tensorflow": ("tf_saved_model", "onnx", "litert"),
    "torch": ("onnx",),
    "jax": ("tf_saved_model",),
}[BACKEND]
NAMES = {"onnx": "m.onnx", "tf_saved_model": "m", "litert": "m.tflite"}
FORMAT, NAME = FORMATS[0], NAMES[FORMATS[0]]
every_format = pytest.mark.parametrize("format", FORMATS)


def draw(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def small():
    """Returns a model with one layer, which runs quickly."""
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(3)(inputs))


class Net(keras.Model):
    """A subclassed model, whose inputs are known after its first call."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs)


def run(format, path, arrays):
    """Runs a file in its runtime, without the code under test."""
    if format == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path))
        return session.run(None, arrays)
    import tensorflow as tf

    if format == "tf_saved_model":
        loaded = tf.saved_model.load(str(path))
        outputs = loaded.signatures["serving_default"](
            **{name: tf.constant(array) for name, array in arrays.items()}
        )
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # It is deprecated.
            interpreter = tf.lite.Interpreter(str(path))
        outputs = interpreter.get_signature_runner()(**arrays)
    return [np.asarray(outputs[name]) for name in sorted(outputs)]


def onnx_names(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    nodes = session.get_inputs(), session.get_outputs()
    inputs, outputs = ([node.name for node in each] for each in nodes)
    return inputs, outputs


def listing(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))
