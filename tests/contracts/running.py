"""Checks of a running layer: randomness, state, compilation and masks."""

import inspect

import keras
import numpy as np

from tests.contracts.batches import Batches
from tests.contracts.calls import COMPILED, outputs, tensors
from tests.contracts.devices import assert_close, to_numpy
from tests.contracts.walk import tensors_of


def check_randomness(case, tmp_path):
    """Checks that a seed fixes the sequence and inference is deterministic."""
    inputs = case.inputs()
    first = case.subject()
    # Without randomness, a second subject adds nothing.
    subjects = [first, case.subject()] if case.random else [first]
    before = _values(first)
    one, other = (outputs(first, inputs) for _ in range(2))
    assert_close(other, one, 0.0, "two runs of inference")
    for path, value in _values(first).items():
        assert np.array_equal(value, before[path]), (
            f"inference changes `{path}`"
        )
    sequences = []
    for subject in subjects:
        if isinstance(subject, keras.Model):
            # Layers without their own seed may use the global one.
            keras.utils.set_random_seed(0)
        sequences.append(
            [outputs(subject, inputs, training=True) for _ in range(3)]
        )
    assert_close(sequences[-1], sequences[0], what="runs with the same seed")
    one, other = (np.concatenate([*map(np.ravel, y)]) for y in sequences[0][:2])
    if case.random:
        assert not np.array_equal(one, other), "repeats its random numbers"
    else:
        assert_close(other, one, what="two runs in training")


def _values(subject):
    values = to_numpy(subject.variables)
    return {
        f"{i} {variable.path}": value
        for i, (variable, value) in enumerate(
            zip(subject.variables, values, strict=True)
        )
    }


def _fit(case, subject):
    """Fits two batches, of two sizes unless fixed, and returns the loss."""
    other, size = case.other_size()
    batches = [case.inputs()]
    # JAX compiles each shape separately, so one is enough.
    if not COMPILED:
        batches.append(case.inputs(batch=3, size=other))
    model = case.as_model(subject, size=None if COMPILED else size)
    # "auto" means XLA on JAX, a graph with unknown sizes on TensorFlow without
    # a GPU, and eager mode on PyTorch, where `True` compiles C++ for minutes.
    model.compile(keras.optimizers.SGD(1e-3), "mse", jit_compile="auto")
    data = []
    for inputs in batches:
        targets = [y + 1.0 for y in outputs(model, inputs)]
        # Tuples, as TensorFlow data sets do not support lists.
        data.append(
            (
                tuple(inputs) if isinstance(inputs, list) else inputs,
                tuple(targets) if len(targets) > 1 else targets[0],
            )
        )
    with case.fitting():
        fitted = model.fit(Batches(data), verbose=0, shuffle=False)
    return fitted.history["loss"][0]


def check_compiled_fit(case, tmp_path):
    """Checks that `fit` changes the weights, compiled for unknown sizes."""
    subject = case.subject()
    before = _values(subject)
    loss = _fit(case, subject)
    assert np.isfinite(loss), f"the loss is {loss}"
    after = _values(subject)
    moved = any(
        np.any(after[path] != before[path])
        for path, variable in zip(after, subject.variables, strict=True)
        if variable.trainable
    )
    assert moved or case.num_weights == 0, "no weight has changed"
    for path, value in after.items():
        assert np.isfinite(value).all(), f"`{path}` is not finite"
    _check_keeps_none(subject, "`fit`")


def check_masking(case, tmp_path):
    """Checks that a mask is passed on and hides its tokens.

    A layer claims masks with `supports_masking` or an argument `mask` of
    `call`.
    """
    layer = case.subject()
    takes = "mask" in inspect.signature(layer.call).parameters
    claims = takes or layer.supports_masking
    assert claims == case.masks, (
        f"the layer {'claims' if claims else 'does not claim'} to use masks, "
        f"but the case has masks={case.masks}"
    )
    if not claims:
        return
    inputs = case.inputs()
    mask = np.arange(inputs.shape[1]) < inputs.shape[1] // 2
    mask = np.broadcast_to(mask, inputs.shape[:2])
    changed = np.where(mask[..., None], inputs, 7.0 - inputs)
    given = {"mask": keras.ops.convert_to_tensor(mask)} if takes else {}
    outputs, others = (
        to_numpy(layer(x, **given))[0] for x in (inputs, changed)
    )
    assert_close(others[mask], outputs[mask], what="outputs of unmasked tokens")
    (passed,) = to_numpy(layer.compute_mask(inputs, mask)) or (None,)
    assert passed is not None and np.array_equal(passed, mask), (
        "the mask is not passed on"
    )


def check_keeps_no_tensor(case, tmp_path):
    """Checks that a call leaves no tensor, a leak of memory or of tracers.

    `check_compiled_fit` checks the same for `fit`.
    """
    subject = case.subject()
    tensors(subject, case.inputs())
    _check_keeps_none(subject, "a call")
    subject(case.symbolic_inputs())
    _check_keeps_none(subject, "a symbolic call")


def _check_keeps_none(subject, when):
    kept = tensors_of(subject)
    assert not kept, f"after {when}, tensors remain at {', '.join(kept)}"
