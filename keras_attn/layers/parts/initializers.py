"""Initialisers that the original implementations train with."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_attn.backend.protocol import Tensor


def copied(initializer: Any) -> Any:
    """Returns a copy, since a shared initialiser would draw equal weights."""
    if isinstance(initializer, keras.initializers.Initializer):
        return initializer.clone()
    return initializer


@keras.saving.register_keras_serializable(package="keras_attn")
class FanInUniform(keras.initializers.RandomUniform):
    """Draws uniformly within `+-1 / sqrt(fan_in)`.

    PyTorch initialises the kernels *and* the biases of its convolutions and
    linear layers this way, both with the `fan_in` of the kernel. NumPy draws
    the numbers. So they are the same on all backends after
    `keras.utils.set_random_seed`, and JAX does not compile a generator for
    every shape, which would take seconds per network.

    Args:
        fan_in: Positive integer, the number of inputs per output.
        seed: Integer, or `None` to follow `keras.utils.set_random_seed`.
    """

    def __init__(self, fan_in: int, seed: int | None = None):
        limit = fan_in**-0.5
        super().__init__(-limit, limit, seed)
        self.fan_in = fan_in

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        random = np.random.default_rng(self.seed)
        values = random.uniform(self.minval, self.maxval, shape)
        return _tensor(values, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"fan_in": self.fan_in, "seed": super().get_config()["seed"]}


@keras.saving.register_keras_serializable(package="keras_attn")
class FanOutNormal(keras.initializers.RandomNormal):
    """Draws from a normal distribution of variance `2 / fan_out`.

    This is the initialisation of He et al. for networks with ReLUs, in the
    version that ResNets use: `fan_out = height * width * filters`, for a kernel
    whose last axis is the filters. Unlike Keras' `HeNormal`, it is not
    truncated and does not use the inputs. NumPy draws the numbers, as in
    `FanInUniform`.

    Args:
        seed: Integer, or `None` to follow `keras.utils.set_random_seed`.
    """

    def __init__(self, seed: int | None = None):
        super().__init__(seed=seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        fan_out = np.prod(shape[:-2]) * shape[-1]
        random = np.random.default_rng(self.seed)
        values = random.normal(scale=(2.0 / fan_out) ** 0.5, size=shape)
        return _tensor(values, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"seed": super().get_config()["seed"]}


@keras.saving.register_keras_serializable(package="keras_attn")
class Normal(keras.initializers.RandomNormal):
    """Draws from a normal distribution of mean 0.

    NumPy draws the numbers, as in `FanInUniform`.

    Args:
        stddev: Positive number, the standard deviation.
        seed: Integer, or `None` to follow `keras.utils.set_random_seed`.
    """

    def __init__(self, stddev: float, seed: int | None = None):
        super().__init__(stddev=stddev, seed=seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        random = np.random.default_rng(self.seed)
        values = random.normal(scale=self.stddev, size=shape)
        return _tensor(values, dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {"stddev": config["stddev"], "seed": config["seed"]}


def _tensor(values: np.ndarray, dtype: Any) -> Tensor:
    dtype = dtype or keras.config.floatx()
    return keras.ops.convert_to_tensor(values.astype("float32"), dtype)
