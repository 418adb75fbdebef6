"""A model whose scores are linear in the pixels, and its closed form."""

import keras
import numpy as np


def linear_model(
    shape, classes=3, activation="softmax", deviation=0.3, first=False
):
    """Makes a model for images of a channels-last shape."""
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


def scores_of(model, images):
    """Computes the scores before softmax, in float64."""
    kernel, bias = model.layers[-1].get_weights()
    flat = np.asarray(images, "float64").reshape(len(images), -1)
    return flat @ kernel.astype("float64") + bias


def probabilities(model, images):
    """Computes the softmax of the scores."""
    powers = np.exp(scores_of(model, images))
    return powers / powers.sum(axis=1, keepdims=True)


def scaled_mean():
    """Makes a model of a 2 x 2 image and a factor that scales its mean."""
    image = keras.Input((2, 2, 1), name="image")
    factor = keras.Input((1,), name="factor")
    x = keras.layers.GlobalAveragePooling2D()(image)
    x = keras.layers.Multiply()([x, factor])
    return keras.Model({"image": image, "factor": factor}, x)
