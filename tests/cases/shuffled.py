"""A model whose weights are shuffled, and a spy on its explainer."""

import keras
import numpy as np
from keras import layers

from keras_attn.explain import GradCAM


def some(count=4):
    """Makes images of different colours."""
    generator = np.random.default_rng(0)
    images = generator.normal(size=(count, 16, 16, 3))
    images += 3 * generator.normal(size=(count, 1, 1, 3))
    return images.astype("float32")


def plain(depth=3):
    """Makes a model of convolutions, pooling and a dense layer."""
    inputs = keras.Input((16, 16, 3))
    x = inputs
    for i in range(1, depth + 1):
        x = layers.Conv2D(8, 3, padding="same", name=f"conv{i}")(x)
        x = layers.BatchNormalization(name=f"norm{i}")(x)
        x = layers.ReLU(name=f"relu{i}")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(0.5, name="drop")(x)
    return keras.Model(inputs, layers.Dense(5, name="head")(x))


def filled(model):
    """Fills all weights with new numbers, positive for variances."""
    generator = np.random.default_rng(1)
    for weight in model.weights:
        numbers = generator.normal(0.0, 0.5, weight.shape)
        scale = weight.name in ("gamma", "moving_variance")
        weight.assign(np.abs(numbers) + 0.5 if scale else numbers)
    return model


ORDER = ["head", "norm3", "conv3", "norm2", "conv2", "norm1", "conv1"]


class Spy(GradCAM):
    """Records the arguments of its calls and the weights at the time."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.asked, self.stages = [], []

    def __call__(self, images, targets=None, batch_size=32, **kwargs):
        self.asked.append((targets, batch_size))
        values = [
            keras.ops.convert_to_numpy(x).copy() for x in self.network.values()
        ]
        self.stages.append(values)
        return super().__call__(images, targets, batch_size, **kwargs)
