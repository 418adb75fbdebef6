"""The model behind explanations, with its compiled functions."""

import copy
import dataclasses
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_attn import backend
from keras_attn.checks import one_of
from keras_attn.explain.running import cache, fingerprint, stand_ins, structure
from keras_attn.explain.running import inputs as checks
from keras_attn.explain.running.feature_maps import Place
from keras_attn.explain.running.inputs import Inputs
from keras_attn.explain.running.passes import Job, Pass, proven
from keras_attn.explain.running.targets import Target
from keras_attn.explain.running.trace import Trace, record


class Network:
    """A model prepared for explanations, with one output and one image.

    Pass a network instead of the model to select the output and the image for
    several methods at once.

    The model runs with `training=False` on the current values of its
    variables. If the backend can compile, it compiles one function per set of
    shapes. Nothing is written to the model, so other threads may use it at
    the same time. There is one exception: on JAX, Keras removes the weights
    from a model while `fit` runs, and explaining it raises a `RuntimeError`.

    Compiled functions belong to the model, not to this object. They are
    dropped with the model, or when they have not been used for long. A new
    function is compiled when an attribute of a layer, the score or `reshape`
    changes. This covers numbers, strings, functions, arrays, layers, and
    containers or objects of these. Changes inside other objects are not
    noticed.

    Args:
        model: Any built `keras.Model`.
        output: Index or name of the output, if there are several.
        data_format: `"channels_last"` or `"channels_first"`, for images and
            feature maps. `None` selects the format of the first layer that
            has one, and otherwise that of the Keras configuration. Defaults
            to `None`.
        image: Index or name of the image to explain, among the inputs with
            four axes. `None` selects the only one, or the one that the layer
            depends on. Defaults to `None`.

    Raises:
        ValueError: If the model is not built, or an argument is invalid.

    Example:

    >>> model = keras_attn.applications.FERNet()
    >>> network = keras_attn.explain.Network(model)
    >>> faces = np.random.default_rng(0).random((2, 48, 48, 1))
    >>> maps = {
    ...     method.__name__: method(network)(faces)
    ...     for method in (
    ...         keras_attn.explain.GradCAM,
    ...         keras_attn.explain.HiResCAM,
    ...     )
    ... }
    >>> maps["HiResCAM"].shape
    (2, 48, 48)
    """

    def __init__(
        self,
        model: keras.Model,
        output: int | str | None = None,
        data_format: str | None = None,
        image: int | str | None = None,
    ):
        if not isinstance(model, keras.Model):
            raise ValueError(
                f"`model` must be a keras.Model. Received: model={model!r}"
            )
        if not model.built:
            raise ValueError(
                "`model` must be built. Received: the unbuilt model "
                f"{model.name!r}. Call it on an image first"
            )
        self._model: Callable[[], keras.Model] = lambda: model
        self.output = output
        self.image = image
        # The format of the first layer that has one.
        known = filter(None, map(structure.data_format, self.paths()))
        self.data_format = one_of(
            "data_format",
            data_format or next(known, keras.config.image_data_format()),
            ("channels_first", "channels_last"),
        )
        self._values: list[Any] | None = None

    @property
    def model(self) -> keras.Model:
        """The model."""
        return self._model()

    @property
    def is_altered(self) -> bool:
        """Whether the network uses values other than the model's own."""
        return self._values is not None

    def paths(self) -> dict[keras.Operation, str]:
        """Returns the first path of each layer in the current model."""
        found: dict[keras.Operation, str] = {}
        for path, operation in structure.operations(self.model):
            found.setdefault(operation, path)
        return found

    @classmethod
    def of(
        cls,
        model: "keras.Model | Network",
        output: int | str | None = None,
        data_format: str | None = None,
        image: int | str | None = None,
    ) -> "Network":
        """Returns a network for a model; returns a network unchanged."""
        if not isinstance(model, cls):
            return cls(model, output, data_format, image)
        if not (output is None and data_format is None and image is None):
            raise ValueError(
                "`output`, `image` and `data_format` must be passed to the "
                f"Network, and not again. Received: output={output!r}, "
                f"image={image!r}, data_format={data_format!r}"
            )
        return model

    def weak(self) -> "Network":
        """Returns a copy for compiled code that keeps no model alive."""
        copied = copy.copy(self)
        copied._model = weakref.ref(self.model)
        copied._values = None
        return copied

    def check(self, images: Any, batch_size: int = 32) -> Inputs:
        """Checks the images and returns them as `Inputs`."""
        inputs = checks.check(
            self.model, images, self.data_format, batch_size, self.image
        )
        model = fingerprint.of_model(self.model)
        return dataclasses.replace(inputs, model=model)

    def remembered(
        self, inputs: Inputs, key: tuple[Any, ...], make: Callable[[], Any]
    ) -> Any:
        """Returns the compiled function for a key, or compiles it.

        The model at the time of the check, the shapes of the inputs and the
        choices of this network are added to the key.
        """
        choices = self.output, self.image, self.data_format
        whole = inputs.model, choices, inputs.key, key
        return cache.remembered(self.model, whole, make)

    def trace(self, inputs: Inputs) -> Trace:
        """Returns the layers that run, in order and with their shapes."""

        def make() -> Trace:
            one = inputs.take([0])
            return proven(self, record(self, one), one)

        return self.remembered(inputs, ("trace",), make)

    def run(
        self,
        values: Sequence[Any],
        nest: Any,
        changes: stand_ins.Changes,
        watch: stand_ins.Watch | None = None,
    ) -> Any:
        """Runs the model once, with other values and changed layers."""
        model = self.model
        state = list(zip(model.variables, values, strict=True))

        def function() -> Any:
            with keras.StatelessScope(state_mapping=state):
                return model(nest, training=False)

        return stand_ins.run(function, changes, watch)

    def select(self, outputs: Any) -> Any:
        """Returns the output to explain, or all if none was chosen."""
        leaves = keras.tree.flatten(outputs)
        if self.output is None:
            return leaves[0] if len(leaves) == 1 else outputs
        names = getattr(self.model, "output_names", [])
        try:
            if not isinstance(outputs, dict) and self.output in names:
                return leaves[names.index(self.output)]
            return outputs[self.output]
        except (KeyError, IndexError, TypeError):
            known = list(outputs) if isinstance(outputs, dict) else names
            raise ValueError(
                "`output` must be the index or the name of one of the "
                f"{len(leaves)} outputs {known}. Received: "
                f"output={self.output!r}"
            ) from None

    def forward(
        self,
        inputs: Inputs,
        target: Target,
        places: Sequence[Place] = (),
        probability: bool = False,
    ) -> Pass:
        """Runs the model on one batch."""
        return self._run(inputs, target, places, probability, False)

    def gradients(
        self, inputs: Inputs, target: Target, places: Sequence[Place]
    ) -> Pass:
        """Runs the model on one batch, with gradients at the places."""
        return self._run(inputs, target, places, False, True)

    def shape_of(self, output: Any) -> tuple[int, ...]:
        """Returns an output's shape without the batch, classes last."""
        shape = tuple(output.shape[1:])
        if len(shape) == 3 and self.data_format == "channels_first":
            return *shape[1:], shape[0]
        return shape

    def values(self) -> list[Any]:
        """Returns the values of the model's variables, as tensors."""
        if self._values is not None:
            return self._values
        return backend.state(self.model.variables)

    def on_values(self, function: Callable, *args: Any) -> Any:
        """Calls a function with the current values, and other arguments.

        The function may be called twice, so it must not have side effects.
        """
        if self._values is not None:
            return function(self._values, *args)
        return backend.on_state(
            self.model.variables, lambda values: function(values, *args)
        )

    def with_values(self, values: Sequence[Any]) -> "Network":
        """Returns the same with other values for the model's variables."""
        copied = copy.copy(self)
        copied._values = list(values)
        return copied

    def _run(
        self,
        inputs: Inputs,
        target: Target,
        places: Sequence[Place],
        *how: bool,
    ) -> Pass:
        key = (
            *("run", target.key, inputs.mirrored),
            *(tuple(each.key for each in places), *how),
        )

        def make() -> Callable:
            trace, frame = self.trace(inputs), inputs.frame()
            job = self.weak(), trace, frame, target.function, tuple(places)
            return Job(*job, *how).compile()

        run = self.remembered(inputs, key, make)
        found = self.on_values(run, inputs, target)
        if found.odd and not self.is_altered:
            _warn_of_probabilities(self.model)
        return found


def _warn_of_probabilities(model: keras.Model) -> None:
    warnings.warn(
        f"The output of the model {model.name!r} looks like probabilities, but "
        "the layer that computes them was not found. The probabilities are "
        "explained instead of scores before a softmax or sigmoid. To explain "
        "scores, end the model in a Softmax or Activation layer, or in a layer "
        "with the argument `activation`",
        stacklevel=6,
    )
