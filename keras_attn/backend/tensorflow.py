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
from keras_attn.backend.compiled import mean as mean
from keras_attn.backend.compiled import normalize as normalize
from keras_attn.backend.compiled import normalize_batch as normalize_batch
from keras_attn.backend.compiled import rectify as rectify


def value_and_gradient(function, tensors):
    """Returns a scalar function's value and gradient, zero where constant."""
    tensors = keras.tree.map_structure(tf.convert_to_tensor, tensors)
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(tensors)
    zero = tf.UnconnectedGradients.ZERO
    return value, tape.gradient(value, tensors, unconnected_gradients=zero)


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
