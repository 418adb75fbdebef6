"""The recorded network in the forms that a Keras model can have.

Maps of `relu2` depend only on its features and the last weights, so most forms
have the recorded maps.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_attn.explain.running.structure import operations
from tests.cases.recorded_cnn import (
    SIZE,
    TARGETS,
    Subclassed,
    called,
    chain,
    functional,
    golden,
    head,
    images,
    load,
    loaded,
    nested,
    sequential,
    shared,
    steps,
    with_composite,
)


@dataclasses.dataclass(frozen=True)
class Form:
    """A model that contains the recorded network.

    Attributes:
        make: A function that returns the model and its input.
        layer: Name or path of the features; `None` for the default.
        options: Options of the methods.
        scores: Whether the scores equal the recorded ones, which ScoreCAM and
            CAM need.
        tolerance: Tolerance of the maps.
    """

    make: Callable[[], tuple[keras.Model, Any]]
    layer: Any = None
    options: dict = dataclasses.field(default_factory=dict)
    scores: bool = True
    tolerance: float = 1e-4


def siamese():
    """Returns a model that applies one network to two images, and its inputs.

    The second images are the recorded ones.
    """
    one, two = keras.Input(SIZE, name="one"), keras.Input(SIZE, name="two")
    body = keras.Sequential([keras.Input(SIZE), *steps()], name="body")
    pool, fc = head()
    outputs = layers.Add()([fc(pool(body(one))), fc(pool(body(two)))])
    other = np.random.default_rng(0).normal(size=images().shape)
    model = load(keras.Model([one, two], outputs))
    return model, [other.astype("float32"), images()]


def several_inputs():
    """Returns a model with named inputs: numbers, then the image."""
    inputs = {
        "a_number": keras.Input((4,), name="a_number"),
        "picture": keras.Input(SIZE, name="picture"),
    }
    x = chain(inputs["picture"], [*steps(), *head()])
    more = layers.Dense(5, use_bias=False, kernel_initializer="zeros")
    model = keras.Model(inputs, layers.Add()([x, more(inputs["a_number"])]))
    return load(model), {
        "picture": images(),
        "a_number": np.ones((3, 4), "float32"),
    }


def several_outputs():
    inputs = keras.Input(SIZE)
    x = chain(inputs, steps())
    other = layers.Dense(2, name="other")(layers.Flatten()(x))
    return load(keras.Model(inputs, [other, chain(x, head())]))


def with_skip():
    """Returns a model with a path to the scores around the features."""
    inputs = keras.Input(SIZE)
    first, relu1, pool, second, relu2 = steps()
    x = pool(relu1(first(inputs)))
    around = layers.Conv2D(16, 1, name="around")(x)
    x = relu2(second(x))
    return load(keras.Model(inputs, chain(layers.Add()([x, around]), head())))


def frozen():
    model = functional()
    model.trainable = False
    return model


def rematerialized():
    """Returns a model that recomputes its layers for gradients."""
    with keras.RematScope(mode="full"):
        return functional()


def in_policy(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return functional()
    finally:
        keras.config.set_dtype_policy(before)


def ending_in(last):
    inputs = keras.Input(SIZE)
    outputs = last(chain(inputs, [*steps(), *head()]))
    return load(keras.Model(inputs, outputs))


def segmentation():
    """Returns a model whose mean scores are the recorded ones."""
    inputs = keras.Input(SIZE)
    x = layers.Conv2D(5, 1, name="fc")(chain(inputs, steps()))
    return load(keras.Model(inputs, x))


def tokens(extra):
    """Returns a model that uses its features as tokens, after extra tokens."""
    inputs = keras.Input(SIZE)
    x = chain(inputs, steps())
    x = layers.Reshape((16 * 12, 16), name="patches")(x)
    if extra:
        x = layers.ZeroPadding1D((extra, 0), name="all")(x)
        x = layers.Cropping1D((extra, 0))(x)
    x = layers.GlobalAveragePooling1D()(x)
    return load(keras.Model(inputs, layers.Dense(5, name="fc")(x)))


def channels_first():
    kwargs = {"data_format": "channels_first"}
    inputs = keras.Input((3, *SIZE[:2]))
    outputs = chain(inputs, [*steps(**kwargs), *head(**kwargs)])
    return load(keras.Model(inputs, outputs)), images().transpose(0, 3, 1, 2)


@keras.saving.register_keras_serializable("tests")
class Updating(layers.Layer):
    """Counts its calls in a weight and in an attribute."""

    def build(self, shape):
        self.count = self.add_weight(
            shape=(), initializer="zeros", trainable=False
        )

    def call(self, x):
        self.count.assign_add(1.0)
        self.last = x
        return x


def updating():
    inputs = keras.Input(SIZE)
    return load(
        keras.Model(inputs, chain(inputs, [Updating(), *steps(), *head()]))
    )


def plain(make, *args, **kwargs):
    """Returns the `make` of a form whose input is the images."""
    return lambda: (make(*args, **kwargs), images())


FORMS = {
    "functional": Form(plain(functional)),
    "sequential": Form(plain(sequential), "relu2"),
    "loaded": Form(plain(loaded)),
    "subclassed": Form(plain(lambda: called(Subclassed()))),
    "composite": Form(plain(with_composite), "body/relu2"),
    "nested": Form(plain(nested), "middle/inner/relu2"),
    "nested_whole": Form(plain(nested), "middle"),
    "in_subclassed": Form(
        plain(lambda: called(keras.Sequential([*steps(), *head()])))
    ),
    "shared": Form(plain(shared), "relu1"),
    "several_inputs": Form(several_inputs),
    "several_outputs": Form(plain(several_outputs), options={"output": 1}),
    "skip": Form(plain(with_skip), "relu2", scores=False),
    "frozen": Form(plain(frozen)),
    "rematerialized": Form(plain(rematerialized)),
    "mixed_float16": Form(plain(in_policy, "mixed_float16"), tolerance=1e-2),
    "mixed_bfloat16": Form(plain(in_policy, "mixed_bfloat16"), tolerance=6e-2),
    "softmax_in_dense": Form(plain(functional, "softmax")),
    "sigmoid_in_dense": Form(plain(functional, "sigmoid")),
    "softmax_activation": Form(plain(ending_in, layers.Activation("softmax"))),
    "softmax_layer": Form(plain(ending_in, layers.Softmax())),
    "softmax_operation": Form(plain(ending_in, ops.softmax)),
    "segmentation": Form(plain(segmentation), "relu2"),
    "tokens": Form(plain(tokens, 0), "patches"),
    "tokens_behind_one": Form(plain(tokens, 1), "all"),
    "tokens_reshaped": Form(
        plain(tokens, 0),
        "patches",
        {"reshape": lambda x: ops.reshape(x, (-1, 16, 12, 16))},
    ),
    "channels_first": Form(channels_first),
    "any_size": Form(plain(functional, None, (None, None, 3))),
    "updating": Form(plain(updating)),
}


def layer_maps(model, name):
    """Returns `ReLU(sum_k g_k A_k)` of a layer, the gradients in float64.

    An independent implementation, from the scores of `TARGETS` back to the
    layer.
    """
    weights = golden()["weights"]
    inside = keras.Model(
        model.input,
        [model.get_layer("pool").output, model.get_layer("relu2").output],
    )
    pooled, features = (
        ops.convert_to_numpy(x).astype("float64") for x in inside(images())
    )
    gradient = weights["fc.weight"][TARGETS] / np.prod(features.shape[1:3])
    gradient = np.broadcast_to(gradient[:, None, None], features.shape)
    if name == "relu2":
        return np.maximum((gradient * features).sum(-1), 0.0)
    height, width = features.shape[1:3]
    kernel = weights["conv2.weight"].astype("float64")
    padded = np.pad(gradient * (features > 0), [(0, 0), (1, 1), (1, 1), (0, 0)])
    back = np.zeros_like(pooled)
    for i in range(3):
        for j in range(3):
            part = padded[:, 2 - i :, 2 - j :][:, :height, :width]
            back += part @ kernel[:, :, i, j]
    return np.maximum((back * pooled).sum(-1), 0.0)


def scaled(maps):
    """Returns each map scaled to [0, 1]."""
    maps = maps - maps.min(axis=(1, 2), keepdims=True)
    return maps / (maps.max(axis=(1, 2), keepdims=True) + 1e-7)


def resized(maps):
    """Returns maps resized to the images with Keras, which tests resizing."""
    maps = ops.convert_to_tensor(maps[..., None].astype("float32"))
    maps = ops.image.resize(maps, SIZE[:2], data_format="channels_last")
    return ops.convert_to_numpy(maps)[..., 0].astype("float64")


@keras.saving.register_keras_serializable("tests")
class Telling(layers.Layer):
    """Records each run of its Python code, and can be made to fail."""

    told: list = []
    fails = False

    def call(self, x):
        self.told.append(None)
        if self.fails:
            raise RuntimeError("told to fail")
        return x


def snapshot(model):
    """Returns the attributes of a model and its layers, and all variables."""
    parts = [model, *(each for _, each in operations(model))]
    held = [{name: id(x) for name, x in vars(each).items()} for each in parts]
    trainable = [getattr(each, "trainable", None) for each in parts]
    return held, trainable, [ops.copy(v) for v in model.variables]


def assert_same(before, after):
    assert before[:2] == after[:2]
    for old, new in zip(before[2], after[2], strict=True):
        np.testing.assert_array_equal(
            ops.convert_to_numpy(old), ops.convert_to_numpy(new)
        )
