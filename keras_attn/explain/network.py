"""A model that is looked into."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras

from keras_attn import backend
from keras_attn.explain import inputs as checks
from keras_attn.explain import structure, taps
from keras_attn.explain.feature_maps import Place
from keras_attn.explain.inputs import Inputs
from keras_attn.explain.passes import Job, Pass
from keras_attn.explain.targets import Target
from keras_attn.explain.trace import Trace, record


class Network:
    """A model that is looked into, and what has been compiled for that.

    To be passed in the place of the model where several methods explain the
    same one: then it is compiled once for all.

    The model runs with `training=False`, on the values of its variables at
    that moment, as functions that the backend compiles, if it can, once for
    each set of shapes. It is left as it was.

    Args:
        model: Any built `keras.Model`.
        output: Index or name of the output, if there are several.
        data_format: Of images and feature maps, `"channels_last"` or
            `"channels_first"`; `None` for that of the first layer that has
            one, else Keras' own.

    Raises:
        ValueError: If the model is not built, or an argument not one of these.

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
    ):
        if not isinstance(model, keras.Model):
            raise ValueError(
                f"`model` must be a keras.Model. Received: model={model!r}"
            )
        if not model.built:
            raise ValueError(
                "`model` must be built, so that it has weights. Received: the "
                f"unbuilt model {model.name!r}. Call it on an image first"
            )
        self.model = model
        self.output = output
        self.paths: dict[keras.Operation, str] = {}
        for path, operation in structure.operations(model):
            self.paths.setdefault(operation, path)
        self.data_format = data_format or _data_format(self.paths)
        if self.data_format not in ("channels_last", "channels_first"):
            raise ValueError(
                "`data_format` must be 'channels_first' or 'channels_last'. "
                f"Received: data_format={data_format!r}"
            )
        self._values: list[Any] | None = None
        self._traces: dict[tuple, Trace] = {}
        self._compiled: dict[tuple, Callable] = {}

    @classmethod
    def of(
        cls,
        model: "keras.Model | Network",
        output: int | str | None = None,
        data_format: str | None = None,
    ) -> "Network":
        """Returns a network of a model, or the network that it is already."""
        if not isinstance(model, cls):
            return cls(model, output, data_format)
        if output is not None or data_format is not None:
            raise ValueError(
                "`output` and `data_format` must be given to the Network, and "
                "not again. Received: "
                f"output={output!r}, data_format={data_format!r}"
            )
        return model

    def check(self, images: Any, batch_size: int = 32) -> Inputs:
        """Returns the images, checked."""
        return checks.check(self.model, images, self.data_format, batch_size)

    def trace(self, inputs: Inputs) -> Trace:
        """Returns which layers run, in which order, and of which shapes."""
        if inputs.key not in self._traces:
            self._traces[inputs.key] = record(self, inputs.take([0]))
        return self._traces[inputs.key]

    def run(
        self,
        values: Sequence[Any],
        nest: Any,
        attributes: Mapping[keras.Operation, Mapping[str, Any]],
    ) -> Any:
        """Runs the model with other values, and attributes, for once."""
        state = list(zip(self.model.variables, values, strict=True))
        everything = [self.model, *self.paths]
        # What is computed anew for a gradient can not be listened to.
        lent = {each: {"rematerialized_call": _at_once} for each in everything}
        for operation, own in attributes.items():
            lent[operation].update(own)
        with (
            taps.borrowed(everything, lent),
            keras.StatelessScope(state_mapping=state),
        ):
            return self.model(nest, training=False)

    def select(self, outputs: Any) -> Any:
        """Returns the output that is explained; all, if none was chosen."""
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
        mirrored: bool = False,
    ) -> Pass:
        """Runs the model on one batch."""
        return self._run(inputs, target, places, probability, mirrored, False)

    def gradients(
        self,
        inputs: Inputs,
        target: Target,
        places: Sequence[Place],
        mirrored: bool = False,
    ) -> Pass:
        """Runs the model on one batch, and back from the scores to places."""
        return self._run(inputs, target, places, False, mirrored, True)

    def shape_of(self, output: Any) -> tuple[int, ...]:
        """Returns an output's shape without the batch, classes last."""
        shape = tuple(output.shape[1:])
        if len(shape) == 3 and self.data_format == "channels_first":
            return *shape[1:], shape[0]
        return shape

    def values(self) -> list[Any]:
        """Returns the tensors that the model's variables stand for."""
        if self._values is not None:
            return self._values
        return backend.state(self.model.variables)

    @contextlib.contextmanager
    def standing_for(self, values: Sequence[Any]) -> Iterator[None]:
        """Runs the model with other values than its own, for a while."""
        self._values = list(values)
        try:
            yield
        finally:
            self._values = None

    def _run(self, inputs, target, places, *how):
        key = inputs.key, repr(inputs.nest), target.function, *places, *how
        if key not in self._compiled:
            # It outlives the images.
            frame = dataclasses.replace(inputs, arrays=[])
            self._compiled[key] = Job(
                *(self, self.trace(inputs), frame, target.function),
                *(tuple(places), *how),
            ).compile()
        return self._compiled[key](inputs, target)


def _at_once(call: Callable, *args: Any, **kwargs: Any) -> Callable:
    """Stands for the method of Keras that makes a call compute twice."""
    return call


def _data_format(operations: Iterable[keras.Operation]) -> str:
    """Returns the format of the first layer that has one, or Keras'."""
    for operation in operations:
        own = getattr(operation, "data_format", None)
        if own in ("channels_first", "channels_last"):
            return own
    return keras.config.image_data_format()
