"""A small recorded network, on its own and inside other models.

The layers are convolution, ReLU, max pooling, convolution, ReLU (`relu2`),
global average pooling and Dense.
"""

import functools

import keras
import numpy as np
from keras import layers

from tests.goldens import load_golden

TARGETS = [4, 1, 3]
SIZE = (32, 24, 3)


@functools.cache
def golden():
    """Returns the recorded arrays."""
    return load_golden("cam_cnn")


def images():
    """Returns the recorded images."""
    return golden()["x"]


def load(network):
    """Sets the recorded weights by layer name, at any depth."""
    weights = golden()["weights"]
    todo = [network]
    while todo:
        layer = todo.pop()
        todo += getattr(layer, "layers", [])
        todo += [x for x in vars(layer).values() if is_layer(x)]
        for name in ("conv1", "conv2", "fc"):
            if layer.name == name:
                kernel = weights[f"{name}.weight"]
                axes = (2, 3, 1, 0) if kernel.ndim == 4 else (1, 0)
                kernel = kernel.transpose(axes)
                # Also for a 1x1 convolution.
                kernel = kernel.reshape(layer.kernel.shape)
                layer.set_weights([kernel, weights[f"{name}.bias"]])
    return network


def is_layer(value):
    return isinstance(value, layers.Layer)


def conv(filters, name, **kwargs):
    # Padding of one on each side, as in PyTorch.
    return layers.Conv2D(filters, 3, padding="same", name=name, **kwargs)


def steps(**kwargs):
    """Returns the layers up to the features."""
    return [
        conv(8, "conv1", **kwargs),
        layers.ReLU(name="relu1"),
        layers.MaxPooling2D(2, name="pool", **kwargs),
        conv(16, "conv2", **kwargs),
        layers.ReLU(name="relu2"),
    ]


def head(activation=None, **kwargs):
    return [
        layers.GlobalAveragePooling2D(name="gap", **kwargs),
        layers.Dense(5, name="fc", activation=activation),
    ]


def chain(inputs, each):
    for layer in each:
        inputs = layer(inputs)
    return inputs


def functional(activation=None, shape=SIZE):
    inputs = keras.Input(shape)
    outputs = chain(inputs, [*steps(), *head(activation)])
    return load(keras.Model(inputs, outputs))


def sequential():
    return load(keras.Sequential([keras.Input(SIZE), *steps(), *head()]))


def loaded():
    """Returns a model that was saved and loaded but never called."""
    import pathlib
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        sequential().save(path)
        return keras.saving.load_model(path)


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.body = steps()
        self.tail = {"pool": layers.GlobalAveragePooling2D()}
        self.fc = layers.Dense(5, name="fc")

    def call(self, x):
        for layer in self.body:
            x = layer(x)
        return self.fc(self.tail["pool"](x))


@keras.saving.register_keras_serializable("tests")
class Body(layers.Layer):
    """A layer that keeps its inner layers in a list and a dictionary."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        first, relu1, pool, second, relu2 = steps()
        self._start = [first, (relu1, pool)]
        self.end = {"second": second, "relu2": relu2}

    def build(self, shape):
        self._start[0].build(shape)
        self.end["second"].build((None, None, None, 8))

    def call(self, x):
        x = self._start[0](x)
        for layer in self._start[1]:
            x = layer(x)
        return self.end["relu2"](self.end["second"](x))


def called(model):
    model(np.zeros((1, *SIZE), "float32"))
    return load(model)


def with_composite():
    inputs = keras.Input(SIZE)
    model = keras.Model(inputs, chain(inputs, [Body(name="body"), *head()]))
    body = model.get_layer("body")
    load(body._start[0])
    load(body.end["second"])
    return load(model)


def nested():
    """Returns a model nested two levels deep."""
    inner = keras.Sequential([keras.Input(SIZE), *steps()], name="inner")
    inputs = keras.Input(SIZE)
    middle = keras.Model(inputs, inner(inputs), name="middle")
    outputs = chain(middle(inputs), head())
    return load(keras.Model(inputs, outputs))


def shared():
    """Returns a model that uses one ReLU layer twice."""
    inputs = keras.Input(SIZE)
    first, relu, pool, second, _ = steps()
    x = relu(second(pool(relu(first(inputs)))))
    return load(keras.Model(inputs, chain(x, head())))
