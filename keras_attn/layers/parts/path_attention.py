from typing import Any, Unpack

from keras import ops

from keras_attn import checks
from keras_attn.backend.protocol import Shape, Tensor
from keras_attn.layers.base import FeatureMapArguments, FeatureMapLayer
from keras_attn.layers.parts.batch_normalization import BatchNormalization


class PathAttention(FeatureMapLayer):
    """Abstract base of convolutions with several paths, mixed by attention.

    Computes `y = sum_i a[i] * u[i]` for maps `u[i]`, each the result of a path,
    and for weights `a[i]` per image and channel. They depend on
    `z = mean_hw(sum_i u[i])`. Such a layer replaces a 3x3 convolution with its
    normalisation and activation.

    Subclasses define `paths(inputs, training)`, which returns the list of maps,
    and `weights_of(z, training)`, which returns `(batch, paths, filters)` in
    float32 or wider. They call `check_groups` when they are built. Subclasses
    are final.
    """

    def __init__(
        self,
        filters: int | None,
        hidden: int | None,
        strides: int,
        groups: int,
        **kwargs: Unpack[FeatureMapArguments],
    ):
        super().__init__(**kwargs)
        self.filters = checks.positive("filters", filters, optional=True)
        self.hidden = checks.positive("hidden", hidden, optional=True)
        self.strides = checks.positive("strides", strides)
        self.groups = checks.positive("groups", groups)

    def check_groups(self, groups: int, **numbers: int) -> None:
        """Raises if the groups do not divide each of the named numbers."""
        for name, number in numbers.items():
            if number % groups:
                raise ValueError(
                    f"The {name} of `{type(self).__name__}` must be a multiple "
                    f"of {groups}, the number of groups of the layer that uses "
                    f"them. Received: {name}={number}, groups={self.groups}"
                )

    def add_normalization(self, hidden: int) -> None:
        """Adds the batch normalisation of the hidden units."""
        # Not autocast, since its inputs are statistics, which stay float32.
        self.normalization = BatchNormalization(
            axis=1,
            momentum=0.9,
            epsilon=1e-5,
            autocast=False,
            dtype=self.dtype_policy,
            name="normalization",
        )
        self.normalization.build((None, hidden))

    def filters_of(self, channels: int) -> int:
        """Returns the number of outputs for a number of inputs."""
        return channels if self.filters is None else self.filters

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        maps = self.paths(inputs, training)
        weights = self._weights(maps, training)
        # Slices, because a product of all maps at once would be stored.
        mixed = self._weighted(maps[0], weights[:, 0])
        for index, each in enumerate(maps[1:], start=1):
            mixed = mixed + self._weighted(each, weights[:, index])
        return self.narrow(mixed)

    def attention(self, inputs: Tensor) -> Tensor:
        """Returns the weights in inference, `(batch, paths, filters)`."""
        maps = self.paths(self.receive(inputs), training=False)
        return self._weights(maps, training=False)

    def paths(self, inputs: Tensor, training: bool) -> list[Tensor]:
        """Returns the maps of all paths, in the compute dtype."""
        raise NotImplementedError

    def weights_of(self, z: Tensor, training: bool) -> Tensor:
        """Returns the weight of each path, `(batch, paths, filters)`."""
        raise NotImplementedError

    def _weights(self, maps: list[Tensor], training: bool) -> Tensor:
        # Of each map, as the sum of maps would have to be stored.
        z = self.mean(maps[0])
        for each in maps[1:]:
            z = z + self.mean(each)
        return self.weights_of(z, training)

    def _weighted(self, x: Tensor, weights: Tensor) -> Tensor:
        return self.widen(x) * ops.expand_dims(weights, self.spatial_axes)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = list(input_shape)
        shape[self.channel_axis] = self.filters_of(
            self.static_channels(input_shape)
        )
        for axis in self.spatial_axes:
            if shape[axis] is not None:
                shape[axis] = -(-shape[axis] // self.strides)
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        config = {
            "filters": self.filters,
            "hidden": self.hidden,
            "strides": self.strides,
            "groups": self.groups,
        }
        return {**super().get_config(), **config}
