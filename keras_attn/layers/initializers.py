"""Initialisers that belong to a block, because its source trains with them."""

import keras


def fan_in_uniform(fan_in):
    """Returns a uniform initializer within `+-1 / sqrt(fan_in)`.

    PyTorch draws the kernels *and* the biases of its convolutions and linear
    layers so; `fan_in` is the kernel's for both.
    """
    limit = fan_in**-0.5
    return keras.initializers.RandomUniform(-limit, limit)
