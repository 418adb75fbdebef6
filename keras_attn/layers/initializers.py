"""Initialisers that belong to a block, because its source trains with them."""

import keras
import numpy as np


@keras.saving.register_keras_serializable(package="keras_attn")
class FanInUniform(keras.initializers.RandomUniform):
    """Draws uniformly within `+-1 / sqrt(fan_in)`.

    PyTorch draws the kernels *and* the biases of its convolutions and linear
    layers so; `fan_in` is the kernel's for both. The numbers are NumPy's: the
    same on each backend after `keras.utils.set_random_seed`, and JAX need not
    compile a generator for each shape, which takes a network seconds.

    Args:
        fan_in: Positive integer, how many inputs an output is a sum of.
        seed: Integer, or `None` to follow `keras.utils.set_random_seed`.
    """

    def __init__(self, fan_in, seed=None):
        limit = fan_in**-0.5
        super().__init__(-limit, limit, seed)
        self.fan_in = fan_in

    def __call__(self, shape, dtype=None):
        random = np.random.default_rng(self.seed)
        values = random.uniform(self.minval, self.maxval, shape)
        dtype = dtype or keras.config.floatx()
        return keras.ops.convert_to_tensor(values.astype("float32"), dtype)

    def get_config(self):
        return {"fan_in": self.fan_in, "seed": super().get_config()["seed"]}
