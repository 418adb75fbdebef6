"""TensorFlow."""

import functools

import keras
import tensorflow as tf

from keras_attn.backend import compiled
from keras_attn.backend.compiled import FUSES as FUSES
from keras_attn.backend.compiled import contiguous as contiguous
from keras_attn.backend.compiled import largest as largest
from keras_attn.backend.compiled import linear as linear
from keras_attn.backend.compiled import max_pool as max_pool
from keras_attn.backend.compiled import (
    max_pool_with_indices as max_pool_with_indices,
)
from keras_attn.backend.compiled import mean as mean
from keras_attn.backend.compiled import normalize as normalize
from keras_attn.backend.compiled import normalize_batch as normalize_batch
from keras_attn.backend.compiled import rectify as rectify


def value_and_gradient(function, tensors):
    """Returns a scalar function's value and gradient, zero where constant."""
    tensors = keras.tree.map_structure(tf.convert_to_tensor, tensors)
    (value, _), gradients = _taped(lambda x: (function(x), ()))(tensors)
    return value, gradients


def _taped(function):
    def run(tensors, *others):
        # What belongs to the variables would be computed, and thrown away.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(tensors)
            value, auxiliary = function(tensors, *others)
        gradients = tape.gradient(
            value, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return (value, auxiliary), gradients

    return run


def differentiate(function):
    """Compiles a scalar function that returns something besides."""
    return tf.function(_taped(function), autograph=False)


def inference(function):
    """Compiles a function, once for each set of shapes.

    Without XLA, which is no faster here and does not know every operation.
    """
    return tf.function(function, autograph=False)


def trace(function, *arguments):
    """Runs a function on shapes."""
    tf.function(function, autograph=False).get_concrete_function(*arguments)


def state(variables):
    """Returns the tensors that variables hold."""
    return [tf.convert_to_tensor(variable.value) for variable in variables]


def convolve(*arguments):
    """Convolves images, and adds the bias unless it is `None`."""
    return compiled.convolve(*arguments, product=_product())


@functools.cache
def _product():
    """Returns what is faster than XLA's convolution by one pixel, if any is.

    On CPU it is twice as fast. On a GPU, cuDNN's is fast, and XLA may abort
    when it joins the choice of each second pixel with a product.
    """
    on_gpu = tf.config.list_physical_devices("GPU")
    return None if on_gpu else compiled.multiply
