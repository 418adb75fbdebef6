"""The compiled forward and backward pass of a model."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attn import backend
from keras_attn.explain.running import taps
from keras_attn.explain.running.feature_maps import Place
from keras_attn.explain.running.inputs import Inputs
from keras_attn.explain.running.stand_ins import Change
from keras_attn.explain.running.targets import OwnScore, ScoreFunction, Target
from keras_attn.explain.running.trace import Trace

# The small gradients of large maps underflow in float16.
_SCALE_OF_HALF = 1024.0


@dataclasses.dataclass(frozen=True)
class Pass:
    """The results of one run of a model.

    Attributes:
        scores: `(batch,)`.
        classes: Classes of the scores, or -1 for those of a callable.
        features: For each place, `(batch, height, width, channels)`, float32.
        gradients: Gradients of the sum of the scores with respect to each of
            the `features`; empty if they were not requested.
        odd: Whether the scores look like probabilities.
    """

    scores: np.ndarray
    classes: np.ndarray
    features: list[Any]
    gradients: list[Any]
    odd: bool = False


@dataclasses.dataclass(frozen=True)
class Job:
    """The description of a run, without any numbers.

    Attributes:
        network: A weak `Network`.
        trace: Trace of the model.
        frame: Inputs like those of the run, without arrays.
        function: Function from outputs to scores.
        places: Places whose features are recorded.
        probability: Whether the scores are taken after a softmax or sigmoid.
        back: Whether gradients are computed.
    """

    network: Any
    trace: Trace
    frame: Inputs
    function: ScoreFunction
    places: tuple[Place, ...]
    probability: bool
    back: bool

    def compile(self) -> Callable[[list, Inputs, Target], Pass]:
        """Returns a compiled function of values, inputs and a target."""
        half = any(place.half for place in self.places)
        scale = _SCALE_OF_HALF if half else 1.0
        make = functools.partial(_backward, scale) if self.back else _forward
        compiled = make(self._scores)

        def run(values: list, inputs: Inputs, target: Target) -> Pass:
            zeros = [
                ops.zeros((len(inputs), *place.shape), "float32")
                for place in self.places
                if self.back
            ]
            arrays = [ops.convert_to_tensor(each) for each in target.arrays]
            (scores, classes, odd, features), gradients = compiled(
                zeros, values, inputs.tensors(), arrays
            )
            return Pass(
                ops.convert_to_numpy(scores),
                ops.convert_to_numpy(classes),
                self._read(features),
                self._read(gradients) if self.back else [],
                bool(ops.any(odd)),
            )

        return run

    def _scores(
        self,
        zeros: list[Any],
        values: list[Any],
        leaves: list[Any],
        arrays: list[Any],
    ) -> tuple[Any, Any, Any, list[Any]]:
        """Runs the model with zeros added to the outputs of the places."""
        features: list[Any] = [None] * len(self.places)
        final = self.trace.final
        changes: dict[keras.Operation, list[Change]] = {}
        if final and (final.logarithmic or not self.probability):
            changes[final.operation] = [final.change]
        for operation in {place.operation for place in self.places}:
            after = functools.partial(
                _add, operation, self.places, zeros, features
            )
            changes.setdefault(operation, []).append(taps.listening(after))
        nest = self.frame.pack(leaves)
        outputs = self.network.run(values, nest, changes)
        outputs, odd = self._readable(self.network.select(outputs))
        scores, classes = self.function(outputs, *arrays)
        return ops.cast(scores, "float32"), classes, odd, features

    def _readable(self, outputs: Any) -> tuple[Any, Any]:
        """Returns the outputs to score, and whether they look odd."""
        odd = ops.convert_to_tensor(False)
        first = self.network.data_format == "channels_first"
        if not isinstance(self.function, OwnScore):
            outputs = ops.cast(outputs, "float32")
            if len(outputs.shape) == 4 and first:
                outputs, first = ops.transpose(outputs, (0, 2, 3, 1)), False
            final = self.trace.final
            if final is None:
                made = _are_of_softmax(outputs)
                if not self.trace.is_known:
                    odd = ops.logical_or(made, _may_be_of_sigmoid(outputs))
                    if self.probability:
                        # Probabilities were requested.
                        odd = ops.logical_and(odd, ops.logical_not(made))
                if self.probability:
                    outputs = ops.where(made, outputs, _probabilities(outputs))
            elif self.probability and final.logarithmic:
                outputs = _probabilities(outputs)
            if self.trace.two_sided:
                outputs = _both_sides(outputs, self.probability)
        if self.frame.mirrored:
            # Maps of a mirrored image are mirrored back.
            width = 3 if first else 2
            outputs = keras.tree.map_structure(
                lambda x: ops.flip(x, width) if len(x.shape) == 4 else x,
                outputs,
            )
        return outputs, odd

    def _read(self, tensors: list[Any]) -> list[Any]:
        pairs = zip(self.places, tensors, strict=True)
        return [place.read(tensor) for place, tensor in pairs]


def proven(network: Any, trace: Trace, inputs: Inputs) -> Trace:
    """Checks that the scores lead to the probabilities of the model.

    A custom layer may do more after its activation, such as averaging an
    ensemble. Then the scores are unknown.
    """
    final = trace.final
    if final is None or final.proven:
        return trace
    blind = dataclasses.replace(trace, final=None, is_known=False)
    # Without `elementwise`, a sigmoid unit keeps its single score.
    raw = dataclasses.replace(
        trace, final=dataclasses.replace(final, elementwise=False)
    )
    scores, outputs = (
        Job(network.weak(), each, inputs.frame(), _flat, (), False, False)
        .compile()(network.values(), inputs, Target(_flat))
        .scores
        for each in (raw, blind)
    )
    if final.elementwise:
        expected = ops.sigmoid(scores)
    else:
        of_logarithms = ops.log_softmax if final.logarithmic else ops.softmax
        expected = of_logarithms(scores, axis=-1)
    difference = np.abs(ops.convert_to_numpy(expected) - outputs).max()
    half = final.operation.compute_dtype in ("float16", "bfloat16")
    return trace if difference < (1e-2 if half else 1e-5) else blind


def _flat(outputs: Any) -> tuple[Any, Any]:
    """Returns all numbers of the first image as scores, class by class."""
    return ops.reshape(outputs[:1], (-1, outputs.shape[-1])), outputs


def _add(
    operation: keras.Operation,
    places: tuple[Place, ...],
    zeros: list[Any],
    features: list[Any],
    number: int,
    args: tuple,
    named: dict,
    outputs: Any,
) -> Any:
    """Records a layer's output and adds zeros to it."""
    for i, place in enumerate(places):
        if place.operation is operation and place.number == number:
            features[i] = taps.copied(outputs)
            if zeros:
                tensor = taps.first_tensor(outputs)
                tensor = tensor + ops.cast(zeros[i], tensor.dtype)
                outputs = taps.with_first(outputs, tensor)
    return outputs


def _forward(function: Callable) -> Callable:
    compiled = backend.inference(function)
    return lambda *tensors: (compiled(*tensors), [])


def _backward(scale: float, function: Callable) -> Callable:
    def total(zeros: list[Any], *others: Any) -> tuple[Any, Any]:
        found = function(zeros, *others)
        return scale * ops.sum(found[0]), found

    compiled = backend.differentiate(total)

    def run(*tensors: Any) -> tuple[Any, list[Any]]:
        (_, found), gradients = compiled(*tensors)
        return found, [gradient / scale for gradient in gradients]

    return run


def _are_of_softmax(outputs: Any) -> Any:
    """Returns whether the last axis looks like the output of a softmax."""
    if outputs.shape[-1] == 1:
        return ops.convert_to_tensor(False)
    total = ops.sum(outputs, axis=-1)
    return ops.logical_and(
        ops.all(outputs >= 0.0), ops.all(ops.abs(total - 1.0) < 1e-3)
    )


def _may_be_of_sigmoid(outputs: Any) -> Any:
    """Returns whether all numbers could be outputs of a sigmoid."""
    return ops.logical_and(ops.all(outputs > 0.0), ops.all(outputs < 1.0))


def _both_sides(outputs: Any, probability: bool) -> Any:
    """Expands the output of a single sigmoid unit to two classes."""
    other = 1.0 - outputs if probability else -outputs
    return ops.concatenate([other, outputs], axis=-1)


def _probabilities(outputs: Any) -> Any:
    one = outputs.shape[-1] == 1
    return ops.sigmoid(outputs) if one else ops.softmax(outputs, axis=-1)
