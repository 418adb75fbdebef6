"""Test cases: a layer or model with its arguments and inputs."""

import contextlib
import functools
import re
import warnings
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import keras
import numpy as np

from tests.contracts.devices import (
    FORMATS,
    format_error,
    to_format,
    to_numpy,
)


@dataclass(frozen=True, eq=False)
class Case:
    """Common base of `LayerCase` and `ModelCase`.

    Args:
        kwargs: Arguments, without `data_format` and `dtype`.
        shape: Shape of the input without the batch, channels last. A list of
            shapes for several inputs.
        num_weights: The number of trainable weights.
        name: Name of the case in test names and files. Defaults to the name of
            the subject.
        reference: A function of a dict of float64 weights and a float64
            input, channels last, that returns the expected output; or `None`.
        golden: A function that loads weights into a built subject and returns
            the input and the expected output, channels last; or `None`.
        formats: The supported data formats; only the first one for tokens.
        fixed_size: Whether the formula needs one fixed height and width.
        random: Whether the subject draws random numbers in training. A layer
            then takes `seed`, which must be in `kwargs`.
        exports_open: Whether a model of unknown height and width can be
            exported. On PyTorch, Keras traces it on an image of one pixel.
        smallest: The smallest height and width to test, or `None` to skip.
        in_float32: Names of layers that compute in float32 under any policy.
        package: The module to import before loading, which is also the package
            of the registered names.
    """

    kwargs: Mapping = field(default_factory=dict)
    shape: tuple | list = (6, 5, 8)
    num_weights: int = 0
    name: str = ""
    reference: Callable | None = None
    golden: Callable | None = None
    formats: tuple = FORMATS
    fixed_size: bool = False
    random: bool = False
    exports_open: bool = True
    smallest: tuple | None = None
    in_float32: tuple = ()
    package: str = "keras_attn"

    def __str__(self):
        return self.name or self._default_name()

    @contextlib.contextmanager
    def fitting(self):
        """Ignores the warning of `fit` that there are no weights to train."""
        with warnings.catch_warnings():
            if self.num_weights == 0:
                message = "The model does not have any trainable weights"
                warnings.filterwarnings("ignore", message)
            yield

    def runnable_formats(self):
        """Returns the formats in which the backend can convolve images."""
        return [f for f in self.formats if format_error(f) is None]

    def shapes(self, data_format="channels_last", size=None):
        """Returns the shapes of the inputs, optionally with another size."""

        def shape_of(shape):
            if size is not None:
                shape = (*size[: len(shape) - 1], shape[-1])
            if data_format == "channels_first" and len(shape) == 3:
                shape = (shape[2], *shape[:2])
            return tuple(shape)

        if isinstance(self.shape, list):
            return [shape_of(shape) for shape in self.shape]
        return shape_of(self.shape)

    def doubled_size(self):
        """Returns twice the height and width, or twice the number of tokens."""
        shape = self.shape[0] if isinstance(self.shape, list) else self.shape
        return tuple(side * 2 for side in shape[:-1])

    def other_size(self):
        """Returns another size, and the size of a model that takes both.

        `None` means the size of the case.
        """
        if self.fixed_size:
            return None, None
        other = self.doubled_size()
        return other, (None,) * len(other)

    def inputs(
        self, data_format="channels_last", batch=2, size=None, fill=None
    ):
        """Returns float32 inputs, normally distributed or all equal to `fill`.

        NumPy draws them, so they are the same on each backend and, transposed,
        in each format.
        """
        random = np.random.default_rng(0)

        def array(shape):
            shape = (batch, *shape)
            if fill is not None:
                values = np.full(shape, fill)
            else:
                values = random.normal(size=shape)
            return to_format(values.astype("float32"), data_format)

        shapes = self.shapes(size=size)
        if isinstance(shapes, list):
            return [array(shape) for shape in shapes]
        return array(shapes)

    def symbolic_inputs(self, data_format="channels_last", size=None):
        """Returns Keras inputs with unknown batch, and `None` sizes unknown."""
        shapes = self.shapes(data_format, size)
        if isinstance(shapes, list):
            return [keras.Input(shape) for shape in shapes]
        return keras.Input(shapes)

    def subject(self, data_format="channels_last", dtype=None, size=None):
        """Returns a built layer or model with weights drawn by NumPy."""
        subject = self.make(data_format, dtype)
        self.build(subject, data_format, size)
        seed = zlib.crc32(str(self).encode())
        draw_weights(subject, np.random.default_rng(seed))
        return subject

    def shared(self, data_format="channels_last", dtype=None, size=None):
        """Returns a shared subject for checks that do not change it.

        Sharing it also shares its compiled functions.
        """
        return _shared(self, data_format, dtype, size)


# Large enough for one case, as cases run one after the other.
@functools.lru_cache(maxsize=6)
def _shared(case, data_format, dtype, size):
    return case.subject(data_format, dtype, size)


@dataclass(frozen=True, eq=False)
class LayerCase(Case):
    """A layer class and how it is called.

    Args:
        masks: Whether its `call` takes a `mask` of the tokens.
        products_in_half: Whether it convolves or multiplies matrices in the
            compute dtype, which may overflow in float16.
        keeps_integers: Whether it returns integers for integer inputs.
    """

    cls: type = None
    smallest: tuple | None = (1, 1)
    masks: bool = False
    products_in_half: bool = False
    keeps_integers: bool = False

    def make(self, data_format="channels_last", dtype=None):
        """Returns a new, unbuilt layer."""
        kwargs = dict(self.kwargs)
        if len(self.formats) > 1:
            kwargs["data_format"] = data_format
        return self.cls(**kwargs, dtype=dtype)

    def build(self, subject, data_format="channels_last", size=None):
        """Builds a layer for the inputs of this case."""
        shapes = self.shapes(data_format, size)
        if isinstance(shapes, list):
            subject.build([(None, *shape) for shape in shapes])
        else:
            subject.build((None, *shapes))

    def as_model(self, subject, data_format="channels_last", size=None):
        """Returns a model that contains only the layer."""
        inputs = self.symbolic_inputs(data_format, size)
        return keras.Model(inputs, subject(inputs))

    def _default_name(self):
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.cls.__name__).lower()
        values = (f"{key}_{value}" for key, value in self.kwargs.items())
        return "_".join([name, *values])


@dataclass(frozen=True, eq=False)
class ModelCase(Case):
    """A function that returns a functional model, and how it is called."""

    function: Callable = None
    fixed_size: bool = True

    def make(self, data_format="channels_last", dtype=None):
        """Returns a new model."""
        with keras_setting("image_data_format", data_format):
            with keras_setting("dtype_policy", dtype):
                # Models that draw numbers use Keras' global seed.
                keras.utils.set_random_seed(0)
                return self.function(
                    **self.kwargs, input_shape=self.shapes(data_format)
                )

    def build(self, subject, data_format="channels_last", size=None):
        """Does nothing, as functional models are already built."""

    def as_model(self, subject, data_format="channels_last", size=None):
        """Returns the model."""
        return subject

    def _default_name(self):
        return self.function.__name__.lower()


@contextlib.contextmanager
def keras_setting(name, value):
    """Changes a setting of `keras.config` temporarily; `None` leaves it."""
    before = getattr(keras.config, name)()
    change = getattr(keras.config, f"set_{name}")
    if value is not None:
        change(value)
    try:
        yield
    finally:
        change(before)


def draw_weights(subject, random):
    """Draws all weights and statistics, including weights that start at zero.

    With initial values, blocks that start as the identity would pass any check.
    Other non-trainable weights may be constants, and are kept.
    """
    for variable in subject.variables:
        moving = variable.name.startswith("moving_")
        if not (variable.trainable or moving):
            continue
        shape = tuple(variable.shape)
        if "variance" in variable.name or "gamma" in variable.name:
            value = random.uniform(0.5, 1.5, shape)
        else:
            fan_in = np.prod(shape[:-1]) if len(shape) > 1 else 4
            # Half the scale that preserves magnitudes, as products of maps grow
            # faster.
            value = 0.5 * random.normal(size=shape) * fan_in**-0.5
        variable.assign(value.astype("float32"))


def weights_of(subject):
    """Returns all weights as arrays, by their path inside the subject."""
    inside = 0 if isinstance(subject, keras.Model) else 1
    paths = ("/".join(w.path.split("/")[inside:]) for w in subject.weights)
    return dict(zip(paths, to_numpy(subject.weights), strict=True))
