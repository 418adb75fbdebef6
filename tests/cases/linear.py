"""A model whose scores are linear in the pixels, to be computed by hand."""

import keras
import numpy as np


def linear_model(
    shape, classes=3, activation="softmax", deviation=0.3, first=False
):
    """Makes the model, of images of a shape that has its channels last."""
    *size, channels = shape
    inputs = keras.Input((channels, *size) if first else shape)
    data_format = "channels_first" if first else "channels_last"
    x = keras.layers.Flatten(data_format=data_format)(inputs)
    dense = keras.layers.Dense(classes, activation)
    model = keras.Model(inputs, dense(x))
    generator = np.random.default_rng(1)
    shapes = [each.shape for each in dense.get_weights()]
    weights = [generator.normal(0.0, deviation, each) for each in shapes]
    dense.set_weights(weights)
    return model
