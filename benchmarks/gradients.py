"""One forward and backward pass of a Keras layer, compiled where it can be."""

import keras
from keras import ops


def step(layer, inputs, cotangents):
    """Returns a function that pulls `cotangents` back to inputs and weights.

    With JAX and TensorFlow it is compiled by XLA, as `fit` compiles it.
    """
    inputs = ops.convert_to_tensor(inputs)
    cotangents = ops.convert_to_tensor(cotangents)
    weights = [w.value for w in layer.trainable_variables]
    return {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}[
        keras.backend.backend()
    ](layer, inputs, cotangents, weights)


def _scalar(layer, cotangents):
    variables = layer.trainable_variables

    def function(inputs, weights):
        state = list(zip(variables, weights, strict=True))
        with keras.StatelessScope(state_mapping=state):
            return ops.sum(layer(inputs) * cotangents)

    return function


def _jax(layer, inputs, cotangents, weights):
    import jax

    gradient = jax.jit(jax.grad(_scalar(layer, cotangents), argnums=(0, 1)))
    return lambda: jax.block_until_ready(gradient(inputs, weights))


def _tensorflow(layer, inputs, cotangents, weights):
    import tensorflow as tf

    scalar = _scalar(layer, cotangents)

    @tf.function(jit_compile=True)
    def gradient(inputs, weights):
        with tf.GradientTape() as tape:
            tape.watch([inputs, weights])
            value = scalar(inputs, weights)
        return tape.gradient(value, [inputs, weights])

    return lambda: gradient(inputs, weights)[0].numpy()


def _torch(layer, inputs, cotangents, weights):
    import torch

    inputs = inputs.detach().requires_grad_()
    return lambda: torch.autograd.grad(
        layer(inputs), [inputs, *weights], cotangents
    )
