"""Tensors inside attention blocks do not count as feature maps."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_attn import explain
from keras_attn.explain.running.targets import Target, best_class

pytestmark = pytest.mark.once


@keras.saving.register_keras_serializable("tests")
class OwnAttention(layers.Layer):
    """Custom attention: projections, products, and a projection."""

    def __init__(self, fused, **kwargs):
        super().__init__(**kwargs)
        self.fused = fused
        self.qkv = layers.Dense(48, name="qkv")
        self.parts = [layers.Dense(16, name=f"{x}_proj") for x in "qkv"]
        self.norm = layers.LayerNormalization(name="k_norm")
        self.out = layers.Dense(16, name="out_proj")

    def build(self, shape):
        self.norm.build(shape)
        self.qkv.build(shape)
        for part in [*self.parts, self.out]:
            part.build(shape)

    def call(self, x):
        if self.fused:
            q, k, v = ops.split(self.qkv(x), 3, axis=-1)
        else:
            q, k, v = (part(x) for part in self.parts)
        k = self.norm(k)
        scores = ops.softmax(ops.matmul(q, ops.transpose(k, (0, 2, 1))))
        return self.out(ops.matmul(scores, v))

    def compute_output_shape(self, shape):
        return shape


def flat_attention(x, fused, name):
    """The same in the graph of the model, without a layer around it."""
    if fused:
        x = layers.Dense(48, name=f"{name}_qkv")(x)
        q, k, v = ops.split(x, 3, axis=-1)
    else:
        q, k, v = (layers.Dense(16, name=f"{name}_{i}_proj")(x) for i in "qkv")
    scores = layers.Softmax(name=f"{name}_softmax")(
        ops.matmul(q, ops.transpose(k, (0, 2, 1)))
    )
    return layers.Dense(16, name=f"{name}_proj")(ops.matmul(scores, v))


ATTENTIONS = {
    "own, fused": lambda x, i: OwnAttention(True, name=f"mixer{i}")(x),
    "own": lambda x, i: OwnAttention(False, name=f"mixer{i}")(x),
    "flat, fused": lambda x, i: flat_attention(x, True, f"block{i}_attn"),
    "flat": lambda x, i: flat_attention(x, False, f"block{i}_attn"),
    "of Keras": lambda x, i: layers.MultiHeadAttention(2, 8)(x, x),
}


@pytest.mark.parametrize("name", ATTENTIONS)
@pytest.mark.parametrize("pool", ["class", "mean"])
def test_the_last_map_of_a_transformer_is_not_inside_of_attention(name, pool):
    inputs = keras.Input((32, 24, 3))
    x = layers.Conv2D(16, 8, 8, name="patches")(inputs)
    x = layers.Reshape((12, 16), name="tokens")(x)
    x = layers.ZeroPadding1D((1, 0), name="with_class")(x)
    for i in range(2):
        y = layers.LayerNormalization(name=f"norm{i}")(x)
        x = layers.Add(name=f"middle{i}")([x, ATTENTIONS[name](y, i)])
        y = layers.Dense(16, activation="relu", name=f"dense{i}")(x)
        x = layers.Add(name=f"block{i}")([x, y])
    x = x[:, 0] if pool == "class" else layers.GlobalAveragePooling1D()(x)
    cam = explain.GradCAM(keras.Model(inputs, layers.Dense(5)(x)))
    last = "norm1" if pool == "class" else "block1"
    images = np.random.default_rng(0).normal(size=(2, 32, 24, 3))
    inputs = cam.network.check(images)
    _, (place,) = cam.places(inputs, Target(best_class))
    assert place.path == last
