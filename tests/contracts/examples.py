"""Layers that keep the contract, and layers that each break one rule."""

import keras
import numpy as np
from keras import ops

from tests.contracts.bases import PACKAGE as PACKAGE
from tests.contracts.bases import Gate, Tokens, register


def gate(weights, x):
    """Computes the output of `Gate` in inference."""
    gates = np.einsum("bhwc,cd->bd", x, weights["dense/kernel"])
    gates = gates / (x.shape[1] * x.shape[2]) + weights["dense/bias"]
    return np.einsum("bhwc,bc->bhwc", x, gates)


@register
class FixedGate(Gate):
    """Needs a known height and width, and raises an error without."""

    def build(self, input_shape):
        super().build(input_shape)
        size = [input_shape[axis] for axis in self.spatial_axes]
        if None in size:
            raise ValueError(f"The size must be known. Received: {input_shape}")
        axes = dict(zip(self.spatial_axes, size, strict=True))
        self.input_spec = keras.layers.InputSpec(ndim=4, axes=axes)


def gate_model(input_shape, layer=None):
    """Returns a model of a convolution and a layer, by default a `Gate`."""
    inputs = keras.Input(input_shape)
    axis = 1 if keras.config.image_data_format() == "channels_first" else -1
    x = keras.layers.Conv2D(4, 3, name="stem")(inputs)
    x = keras.layers.BatchNormalization(axis=axis, name="stem_bn")(x)
    x = (Gate if layer is None else layer)(name="gate")(x)
    return keras.Model(inputs, x)


@register
class LosesAnArgument(Gate):
    def get_config(self):
        config = super().get_config()
        del config["rate"]
        return config


@register
class ChangesAnArgument(Gate):
    def get_config(self):
        return {**super().get_config(), "rate": 0.125}


@register
class BuildsItsConfig(Gate):
    def build(self, input_shape):
        super().build(input_shape)
        self.rate = self.rate / 2


class IsNotRegistered(Gate):
    pass


@register
class LiesAboutItsShape(Gate):
    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 1)


@register
class RemembersItsSize(Gate):
    """Always divides by the number of positions of its first image."""

    area = None

    def pool(self, inputs):
        if self.area is None:
            self.area = int(np.prod(inputs.shape[1:])) / inputs.shape[1]
        return ops.sum(inputs, self.spatial_axes) / self.area


@register
class MixesUpAxes(Gate):
    def call(self, inputs, training=None):
        return super().call(inputs, training) + ops.flip(inputs, 1)


@register
class ForgetsTheDivisor(Gate):
    def pool(self, inputs):
        return ops.sum(inputs, self.spatial_axes)


@register
class HidesAWeight(Gate):
    """Keeps random numbers that are not saved."""

    def build(self, input_shape):
        super().build(input_shape)
        self.shift = np.random.normal(size=self.dense.kernel.shape[0])

    def pool(self, inputs):
        shift = ops.convert_to_tensor(self.shift, inputs.dtype)
        return super().pool(inputs) + shift


@register
class HasADeadWeight(Gate):
    def build(self, input_shape):
        super().build(input_shape)
        self.dead = self.add_weight(name="dead", shape=(1,))

    def pool(self, inputs):
        return super().pool(inputs) + 0.0 * self.dead


@register
class HidesALogOfZero(Gate):
    """Is finite everywhere, except the gradient of the branch not taken."""

    def pool(self, inputs):
        mean = ops.mean(ops.square(inputs), self.spatial_axes)
        return ops.where(mean > 0.0, ops.log(mean), ops.zeros_like(mean))


@register
class TakesOneFromTheCount(Gate):
    """Fails only for a single pixel."""

    def pool(self, inputs):
        height, width = (inputs.shape[axis] for axis in self.spatial_axes)
        total = ops.sum(inputs, self.spatial_axes)
        return total / ops.convert_to_tensor(height * width - 1.0)


@register
class SumsSquares(Gate):
    def pool(self, inputs):
        total = ops.sum(ops.square(inputs), self.spatial_axes)
        return ops.sum(inputs, self.spatial_axes) / ops.sqrt(total + 1e-3)


@register
class LeavesTheRange(Gate):
    """Casts back to float16 without clipping to its range."""

    def narrow(self, inputs):
        return ops.cast(inputs, self.compute_dtype)


@register
class TakesFifthPowers(Gate):
    def pool(self, inputs):
        powers = ops.mean(ops.abs(inputs) ** 5, self.spatial_axes)
        return (powers + 1e-3) ** 0.2


@register
class AveragesNoImage(Gate):
    """Remembers the mean of an empty batch."""

    def build(self, input_shape):
        super().build(input_shape)
        self.moving = self.add_weight(
            name="moving_mean", shape=(), initializer="zeros", trainable=False
        )

    def call(self, inputs, training=None):
        if training:
            self.moving.assign(ops.mean(inputs))
        return super().call(inputs, training)


@register
class ReturnsIntegers(Gate):
    def call(self, inputs, training=None):
        return ops.cast(super().call(inputs, training), inputs.dtype)


@register
class ForgetsTheDtype(Gate):
    def build(self, input_shape):
        channels = self.static_channels(input_shape)
        self.dense = keras.layers.Dense(channels)
        self.dense.build((None, channels))


@register
class FreezesItsDraw(Gate):
    def call(self, inputs, training=None):
        if training:
            inputs = keras.random.dropout(inputs, self.rate, seed=self.seed)
        return super().call(inputs, training=False)


@register
class IgnoresItsSeed(Gate):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dropout = keras.layers.Dropout(self.rate, dtype=self.dtype_policy)


@register
class DropsInInference(Gate):
    def call(self, inputs, training=None):
        return super().call(inputs, training=True)


@register
class CountsInInference(Gate):
    def build(self, input_shape):
        super().build(input_shape)
        self.count = self.add_weight(
            name="count", shape=(), initializer="zeros", trainable=False
        )

    def call(self, inputs, training=None):
        self.count.assign(self.count + 1.0)
        return super().call(inputs, training)


@register
class LeavesTheGraph(Gate):
    """Computes with NumPy, which XLA and autograd cannot trace."""

    def pool(self, inputs):
        pooled = super().pool(inputs)
        scale = np.asarray(self.dense.bias.value * 2.0)
        return pooled + ops.convert_to_tensor(scale)


@register
class StopsTheGradient(Gate):
    def call(self, inputs, training=None):
        outputs = super().call(inputs, training)
        return ops.stop_gradient(outputs) + 0.0 * outputs


@register
class DropsItsMask(Tokens):
    def call(self, inputs, mask=None):
        return super().call(inputs)


@register
class EndsItsMask(Tokens):
    def compute_mask(self, inputs, mask=None):
        return None


@register
class KeepsItsInput(Gate):
    def call(self, inputs, training=None):
        self.last = {"inputs": [inputs]}
        return super().call(inputs, training)


@register
class KeepsItsGraph(Gate):
    """Keeps the symbolic tensors of a model, and no others."""

    def __call__(self, inputs, **kwargs):
        if keras.utils.is_keras_tensor(inputs):
            self.start = inputs
        return super().__call__(inputs, **kwargs)


@register
class FixesTheBatch(Gate):
    def pool(self, inputs):
        channels = inputs.shape[self.channel_axis]
        rows = ops.reshape(super().pool(inputs), (2, channels))
        return ops.reshape(rows, (-1, channels))


@register
class TreatsOnePixel(Gate):
    """Has a case for one row, which an exporter keeps if it traces one."""

    def pool(self, inputs):
        if inputs.shape[self.spatial_axes[0]] == 1:
            return ops.sum(inputs, self.spatial_axes)
        return super().pool(inputs)
