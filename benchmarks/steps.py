"""Forward and backward passes of a Keras layer, compiled by XLA if possible."""

import keras
from keras import ops


def forward(layer, inputs):
    """Returns a function that applies the layer in inference mode.

    On JAX and TensorFlow, XLA compiles it.
    """
    inputs = ops.convert_to_tensor(inputs)
    weights = [weight.value for weight in layer.variables]

    def function(inputs, weights):
        state = list(zip(layer.variables, weights, strict=True))
        with keras.StatelessScope(state_mapping=state):
            return layer(inputs, training=False)

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        compiled = jax.jit(function)
        return lambda: jax.block_until_ready(compiled(inputs, weights))
    if backend == "tensorflow":
        import tensorflow as tf

        compiled = tf.function(function, jit_compile=True)
        return lambda: compiled(inputs, weights)
    import torch

    @torch.no_grad()
    def eager():
        return layer(inputs, training=False)

    return eager


def gradient(layer, inputs, cotangents):
    """Returns a function that computes the gradients of inputs and weights.

    The layer runs in training mode. On JAX and TensorFlow, XLA compiles it.
    """
    inputs = ops.convert_to_tensor(inputs)
    cotangents = ops.convert_to_tensor(cotangents)
    weights = [w.value for w in layer.trainable_variables]
    return {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}[
        keras.backend.backend()
    ](layer, inputs, cotangents, weights)


def _scalar(layer, cotangents):
    """Returns the function to differentiate, with moving statistics as aux."""
    variables, moving = layer.trainable_variables, layer.non_trainable_variables

    def function(inputs, weights):
        state = list(zip(variables, weights, strict=True))
        with keras.StatelessScope(state_mapping=state) as scope:
            value = ops.sum(layer(inputs, training=True) * cotangents)
        new = (scope.get_current_value(variable) for variable in moving)
        return value, [value for value in new if value is not None]

    return function


def _jax(layer, inputs, cotangents, weights):
    import jax

    scalar = _scalar(layer, cotangents)
    compiled = jax.jit(jax.grad(scalar, argnums=(0, 1), has_aux=True))
    return lambda: jax.block_until_ready(compiled(inputs, weights))


def _tensorflow(layer, inputs, cotangents, weights):
    import tensorflow as tf

    scalar = _scalar(layer, cotangents)

    @tf.function(jit_compile=True)
    def compiled(inputs, weights):
        with tf.GradientTape() as tape:
            tape.watch([inputs, weights])
            value, moving = scalar(inputs, weights)
        return tape.gradient(value, [inputs, weights]), moving

    return lambda: compiled(inputs, weights)


def _torch(layer, inputs, cotangents, weights):
    import torch

    inputs = inputs.detach().requires_grad_()
    return lambda: torch.autograd.grad(
        layer(inputs, training=True), [inputs, *weights], cotangents
    )
