"""Calls a subject and computes its gradients, for the checks.

On JAX, a call is one compiled function, which is cached. Otherwise XLA would
compile each operation for each shape. Other backends call the subject directly.
"""

import functools

import keras
import numpy as np
from keras import ops

from keras_attn import backend
from tests.contracts.devices import to_format, to_numpy

COMPILED = keras.backend.backend() == "jax"


def outputs(subject, inputs, training=False):
    """Calls a layer or model. Its state may change.

    Returns:
        A flat list of arrays.
    """
    return to_numpy(tensors(subject, inputs, training))


def tensors(subject, inputs, training=False):
    """Does the same as `outputs`, and returns tensors."""
    if not COMPILED:
        return keras.tree.flatten(subject(inputs, training=training))
    values = backend.state(subject.variables)
    found, changed = _forward(subject, training)(values, _tensors(inputs))
    for variable, value in zip(subject.variables, changed, strict=True):
        if not variable.trainable:
            variable.assign(value)
    return found


def stateless(subject, inputs, training):
    """Calls a layer or model without changing its state.

    The call is compiled on backends that compile.

    Returns:
        Flat lists of arrays: the outputs, and the new values of all variables.
    """
    values = backend.state(subject.variables)
    found, changed = _forward(subject, training)(values, _tensors(inputs))
    return to_numpy(found), to_numpy(changed)


def gradients(subject, inputs, training=False, data_format="channels_last"):
    """Returns the gradients of a random sum of the outputs, by name.

    The gradients are with respect to each trainable weight and the inputs. The
    sum is the same in each data format and on each backend.
    """
    *_, found = _differentiate(subject, inputs, training, data_format)
    return found


def sum_and_gradients(subject, inputs, training=False):
    """Also returns the sum, which is not finite if an output is not."""
    total, _, found = _differentiate(subject, inputs, training, "channels_last")
    return float(ops.convert_to_numpy(total)), found


def outputs_and_gradients(subject, inputs, data_format):
    """Returns the results of `outputs` and `gradients`."""
    _, y, found = _differentiate(subject, inputs, False, data_format)
    return outputs(subject, inputs) if y is None else to_numpy(y), found


def _differentiate(subject, inputs, training, data_format):
    """Returns the sum, the outputs if they are available, and the gradients."""
    weights = subject.trainable_variables
    others = subject.non_trainable_variables
    function = _differentiated(subject, training, data_format)
    (total, y), (of_weights, of_inputs) = function(
        [backend.state(weights), _tensors(inputs)], backend.state(others)
    )
    found = {
        f"weight {i} {weight.name}": array
        for i, (weight, array) in enumerate(
            zip(weights, to_numpy(of_weights), strict=True)
        )
    }
    for i, array in enumerate(to_numpy(of_inputs)):
        found[f"input {i}"] = array
    return total, y, found


def _tensors(inputs):
    return keras.tree.map_structure(ops.convert_to_tensor, inputs)


# Few are cached: a function keeps its subject alive, and no subject is used for
# long.
@functools.lru_cache(maxsize=12)
def _forward(subject, training):
    variables = subject.variables

    def function(values, inputs):
        mapping = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            found = subject(inputs, training=training)
        found = keras.tree.flatten(found)
        return found, [scope.get_current_value(v) for v in variables]

    return backend.inference(function)


@functools.lru_cache(maxsize=12)
def _differentiated(subject, training, data_format):
    weights = subject.trainable_variables
    others = subject.non_trainable_variables

    def function(tensors, state):
        values, x = tensors
        random = np.random.default_rng(1)
        mapping = [
            *zip(weights, values, strict=True),
            *zip(others, state, strict=True),
        ]
        with keras.StatelessScope(state_mapping=mapping):
            total = 0.0
            found = keras.tree.flatten(subject(x, training=training))
            for y in found:
                direction = _direction(random, y.shape, data_format)
                total += ops.sum(ops.cast(y, "float32") * direction)
            return total, found

    if COMPILED:
        return backend.differentiate(function)

    def run(tensors, state):
        total, found = backend.value_and_gradient(
            lambda given: function(given, state)[0], tensors
        )
        return (total, None), found

    return run


def _direction(random, shape, data_format):
    """Returns the weights of a sum over outputs of a shape."""
    shape = (1, *shape[1:])
    if data_format == "channels_first" and len(shape) == 4:
        shape = (1, *shape[2:], shape[1])
    direction = to_format(random.normal(size=shape), data_format)
    return ops.convert_to_tensor(direction, "float32")
