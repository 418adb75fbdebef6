"""Runs a model, listens to its layers, and leaves it as it was."""

import contextlib
import dataclasses
import functools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attn import backend
from keras_attn.explain import inputs as checks
from keras_attn.explain import structure, taps
from keras_attn.explain.feature_maps import Place
from keras_attn.explain.inputs import Inputs
from keras_attn.explain.targets import OwnScore, Target
from keras_attn.explain.trace import Trace, record

# Float16 has no numbers for the small gradients of large maps.
_SCALE_OF_HALF = 1024.0


@dataclasses.dataclass(frozen=True)
class Pass:
    """What one run of a model gives.

    Attributes:
        scores: `(batch,)`.
        classes: That the scores are of; -1 for a callable's.
        features: Of each place, `(batch, height, width, channels)`, float32.
        gradients: Of the sum of the scores, by each of the `features`.
    """

    scores: np.ndarray
    classes: np.ndarray
    features: list[Any]
    gradients: list[Any]


class Network:
    """A model that is looked into.

    Runs with `training=False`, on copies of the variables, as functions that
    each backend compiles if it can, once for each set of shapes.

    Args:
        model: Any built `keras.Model`.
        output: Index or name of the output, if there are several.
        data_format: Of images and feature maps; `None` for that of the first
            layer that has one.
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
        self.data_format = data_format or _data_format(model)
        if self.data_format not in ("channels_last", "channels_first"):
            raise ValueError(
                "`data_format` must be 'channels_first' or 'channels_last'. "
                f"Received: data_format={data_format!r}"
            )
        self._values: list[Any] | None = None
        self._traces: dict[tuple, Trace] = {}
        self._compiled: dict[tuple, Callable] = {}

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
        everything = {id(self.model): self.model}
        everything |= {
            id(each): each for _, each in structure.operations(self.model)
        }
        state = list(zip(self.model.variables, values, strict=True))
        with (
            taps.borrowed(everything.values(), attributes),
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
        return self._pass(False, inputs, target, places, probability, mirrored)

    def gradients(
        self,
        inputs: Inputs,
        target: Target,
        places: Sequence[Place],
        mirrored: bool = False,
    ) -> Pass:
        """Runs the model on one batch, and back from the scores to places."""
        return self._pass(True, inputs, target, places, False, mirrored)

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

    def _pass(self, back, inputs, target, places, probability, mirrored):
        trace = self.trace(inputs)
        places = tuple(places)
        key = inputs.key, repr(inputs.nest), target.function, places
        key += probability, mirrored, back
        if key not in self._compiled:
            # The function outlives the images.
            frame = dataclasses.replace(inputs, arrays=[])
            job = _Job(
                trace, frame, target.function, places, probability, mirrored
            )
            function = functools.partial(self._scores, job)
            half = any(place.half for place in places)
            scale = _SCALE_OF_HALF if half else 1.0
            self._compiled[key] = (
                _backward(function, scale) if back else _forward(function)
            )
        arrays = [ops.convert_to_tensor(array) for array in target.arrays]
        zeros = [
            ops.zeros((len(inputs), *place.shape), "float32")
            for place in places
            if back
        ]
        (scores, classes, odd, features), gradients = self._compiled[key](
            zeros, self.values(), inputs.tensors(), arrays
        )
        if not probability and trace.final is None and ops.any(odd):
            warnings.warn(
                f"The output of the model {self.model.name!r} looks like "
                "probabilities, and the layer that makes them was not found: "
                "what is explained are these, not the scores before a softmax. "
                "A model that ends in a Softmax or Activation layer, or in a "
                "layer with the argument `activation`, is explained rightly",
                stacklevel=2,
            )
        return Pass(
            ops.convert_to_numpy(scores),
            ops.convert_to_numpy(classes),
            [p.read(x) for p, x in zip(places, features, strict=True)],
            [p.read(x) for p, x in zip(places, gradients, strict=back)],
        )

    def _scores(self, job, zeros, values, leaves, arrays):
        """Runs the model with zeros added to what comes out of places."""
        features: list[Any] = [None] * len(job.places)
        attributes: dict[keras.Operation, dict] = {}
        if job.trace.final is not None and not job.probability:
            final = job.trace.final
            attributes[final.operation] = dict(final.attributes)
        for operation in {place.operation for place in job.places}:
            after = functools.partial(
                _add, operation, job.places, zeros, features
            )
            attributes.setdefault(operation, {}).update(
                taps.listening(operation, after)
            )
        outputs = self.run(values, job.inputs.pack(leaves), attributes)
        outputs = self.select(outputs)
        odd = False
        first = self.data_format == "channels_first"
        if not isinstance(job.function, OwnScore):
            outputs = ops.cast(outputs, "float32")
            if len(outputs.shape) == 4 and first:
                outputs, first = ops.transpose(outputs, (0, 2, 3, 1)), False
            odd = _like_probabilities(outputs)
            if job.probability and job.trace.final is None:
                outputs = ops.where(odd, outputs, _probabilities(outputs))
        if job.mirrored:
            # A map that comes of a mirrored image is turned back.
            outputs = keras.tree.map_structure(
                lambda x: (
                    ops.flip(x, 3 if first else 2) if len(x.shape) == 4 else x
                ),
                outputs,
            )
        scores, classes = job.function(outputs, *arrays)
        scores = ops.cast(scores, "float32")
        return scores, classes, ops.convert_to_tensor(odd), features


@dataclasses.dataclass(frozen=True)
class _Job:
    """What a compiled run is about, but for numbers."""

    trace: Trace
    inputs: Inputs
    function: Callable
    places: tuple[Place, ...]
    probability: bool
    mirrored: bool


def _add(operation, places, zeros, features, number, inputs, outputs):
    """Keeps what comes out of a layer, and adds zeros to it."""
    for i, place in enumerate(places):
        if place.operation is operation and place.number == number:
            tensor = taps.first_tensor(outputs)
            # Not itself: what follows may overwrite it.
            features[i] = ops.cast(tensor, "float32") + 0.0
            if zeros:
                tensor = tensor + ops.cast(zeros[i], tensor.dtype)
                outputs = taps.with_first(outputs, tensor)
    return outputs


def _forward(function):
    compiled = backend.inference(function)
    return lambda *tensors: (compiled(*tensors), [])


def _backward(function, scale):
    def total(zeros, *others):
        found = function(zeros, *others)
        return scale * ops.sum(found[0]), found

    compiled = backend.differentiate(total)

    def run(*tensors):
        (_, found), gradients = compiled(*tensors)
        return found, [gradient / scale for gradient in gradients]

    return run


def _like_probabilities(outputs):
    """Whether numbers over the last axis may be those of a softmax."""
    if outputs.shape[-1] == 1:
        return False
    total = ops.sum(outputs, axis=-1)
    return ops.logical_and(
        ops.all(outputs >= 0.0), ops.all(ops.abs(total - 1.0) < 1e-3)
    )


def _probabilities(outputs):
    one = outputs.shape[-1] == 1
    return ops.sigmoid(outputs) if one else ops.softmax(outputs, axis=-1)


def _data_format(model):
    """Returns the format of the first layer that has one, or Keras'."""
    for _, operation in structure.operations(model):
        own = getattr(operation, "data_format", None)
        if own in ("channels_first", "channels_last"):
            return own
    return keras.config.image_data_format()
