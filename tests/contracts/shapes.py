"""Checks of shapes, sizes, data formats and reference numbers."""

import keras
import numpy as np
import pytest

from tests.contracts.calls import COMPILED, gradients, outputs
from tests.contracts.cases import weights_of
from tests.contracts.devices import (
    assert_close,
    format_error,
    from_format,
    to_format,
    tolerance,
)


def check_number_of_weights(case, tmp_path):
    """Checks that `build` creates all trainable weights, also of children."""
    subject = case.make()
    case.build(subject)
    assert len(subject.trainable_weights) == case.num_weights, (
        f"{len(subject.trainable_weights)} trainable weights, expected "
        f"{case.num_weights}"
    )


def check_shapes_agree(case, tmp_path):
    """Checks that output, symbolic and computed shapes agree."""
    for data_format in case.runnable_formats():
        subject = case.shared(data_format)
        inputs = case.inputs(data_format)
        expected = [y.shape for y in outputs(subject, inputs)]
        symbolic = subject(case.symbolic_inputs(data_format))
        computed = subject.compute_output_shape(_shapes(inputs))
        assert _tuples(computed) == expected, (
            f"{data_format}: computed {_tuples(computed)}, found {expected}"
        )
        expected = [(None, *shape[1:]) for shape in expected]
        assert _tuples(_shapes(symbolic)) == expected, (
            f"{data_format}: symbolic {_tuples(_shapes(symbolic))}"
        )
        if not case.fixed_size:
            size = (None,) * 2
            inputs = case.symbolic_inputs(data_format, size)
            symbolic = _tuples(_shapes(case.make(data_format)(inputs)))
            computed = subject.compute_output_shape(_shapes(inputs))
            assert _tuples(computed) == symbolic, (
                f"{data_format}: for unknown size, computed "
                f"{_tuples(computed)}, symbolic {symbolic}"
            )


def _shapes(tensors):
    if isinstance(tensors, (list, tuple)):
        return [tuple(tensor.shape) for tensor in tensors]
    if isinstance(tensors, dict):
        return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    return tuple(tensors.shape)


def _tuples(shapes):
    """Returns a flat list of shapes."""
    if isinstance(shapes, dict):
        shapes = list(shapes.values())
    if shapes and isinstance(shapes[0], (list, tuple)):
        return [tuple(shape) for shape in shapes]
    return [tuple(shapes)]


def check_dynamic_sizes(case, tmp_path):
    """Checks two batch sizes in one model, and two image sizes unless fixed.

    `check_compiled_fit` trains with both.
    """
    formats = case.runnable_formats()
    # Functions are compiled per size. Only the symbolic call is shared, which
    # `check_shapes_agree` checks.
    for data_format in formats[:1] if COMPILED else formats:
        subject = case.subject(data_format)
        other, size = case.other_size()
        if case.fixed_size:
            _check_refuses(case, subject, data_format)
        inputs = [
            case.inputs(data_format),
            case.inputs(data_format, batch=3, size=other),
        ]
        model = case.as_model(subject, data_format, size)
        expected = []
        for x in inputs:
            # Not the same subject, as a layer may remember a size.
            first = case.fixed_size or not expected
            alone = case.shared if first else case.subject
            expected.append(outputs(alone(data_format), x))
        for x, y in zip(inputs, expected, strict=True):
            assert_close(outputs(model, x), y)


def _check_refuses(case, subject, data_format):
    """Checks that a `ValueError` names a wrong or unknown size."""
    size = case.doubled_size()
    attempts = [(subject, case.inputs(data_format, size=size), str(size[0]))]
    if not isinstance(subject, keras.Model):
        unknown = case.symbolic_inputs(data_format, (None, None))
        attempts.append((case.make(data_format), unknown, "None"))
    for layer, inputs, received in attempts:
        try:
            layer(inputs)
        except ValueError as error:
            assert received in str(error), (
                f"does not mention {received}: {error}"
            )
        else:
            raise AssertionError(f"accepted another size: {received}")


def check_data_formats_agree(case, tmp_path):
    """Checks that outputs and gradients are the same in each data format."""
    if len(case.formats) == 1:
        return
    for data_format in case.formats:
        reason = format_error(data_format)
        if reason is not None:
            pytest.skip(reason)
    found = []
    for data_format in case.formats:
        subject = case.shared(data_format)
        inputs = case.inputs(data_format)
        given = outputs(subject, inputs)
        arrays = gradients(subject, inputs, data_format=data_format)
        found.append(
            (
                # Weights must not depend on the format.
                subject.get_weights(),
                [from_format(y, data_format) for y in given],
                {
                    name: from_format(array, data_format)
                    if name.startswith("input")
                    else array
                    for name, array in arrays.items()
                },
            )
        )
    (weights, first, first_gradients), (others, last, last_gradients) = found
    assert_close(others, weights, 0.0, "weights of the two formats")
    assert_close(last, first, what="outputs of the two formats")
    for name, array in first_gradients.items():
        # Gradients sum over more terms than outputs.
        assert_close(
            last_gradients[name], array, 10 * tolerance(), f"gradient of {name}"
        )


def check_matches_reference(case, tmp_path):
    """Checks the outputs against the reference, with random weights."""
    if case.reference is None and case.golden is None:
        pytest.skip(f"{case} has neither reference nor golden")
    for data_format in case.runnable_formats():
        if case.reference is not None:
            subject = case.shared(data_format)
            inputs = case.inputs()
            weights = {
                name: array.astype("float64")
                for name, array in weights_of(subject).items()
            }
            expected = case.reference(
                weights,
                keras.tree.map_structure(lambda x: x.astype("float64"), inputs),
            )
            _check_equal(subject, data_format, inputs, expected)
        if case.golden is not None:
            subject = case.subject(data_format)
            _check_equal(subject, data_format, *case.golden(subject))


def _check_equal(subject, data_format, inputs, expected):
    inputs = keras.tree.map_structure(
        lambda x: to_format(np.asarray(x), data_format), inputs
    )
    found = [from_format(y, data_format) for y in outputs(subject, inputs)]
    assert_close(found, expected, what=f"reference, {data_format}")
