"""What happens when a layer runs: draws, state, compilation, masks."""

import inspect

import keras
import numpy as np

from tests.contracts.calls import outputs, tensors
from tests.contracts.devices import assert_close, to_numpy
from tests.contracts.walk import tensors_of


def check_randomness(case, tmp_path):
    """One seed gives one sequence; inference draws and changes nothing."""
    inputs = case.inputs()
    first = case.subject()
    # Without anything that is drawn, another one tells nothing new.
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
            # Without a seed of its own, what is in it may draw from Keras'.
            keras.utils.set_random_seed(0)
        sequences.append(
            [outputs(subject, inputs, training=True) for _ in range(3)]
        )
    assert_close(sequences[-1], sequences[0], what="runs with the same seed")
    one, other = (np.concatenate([*map(np.ravel, y)]) for y in sequences[0][:2])
    if case.random:
        assert not np.array_equal(one, other), "draws the same numbers again"
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


def _fit_one_step(case, subject, **options):
    """Fits one batch, and returns the loss."""
    inputs = case.inputs()
    target = [y + 1.0 for y in outputs(subject, inputs)]
    model = case.as_model(subject)
    model.compile(keras.optimizers.SGD(1e-3), "mse", **options)
    target = target if len(target) > 1 else target[0]
    with case.fitting():
        return model.fit(inputs, target, verbose=0).history["loss"][0]


def check_compiled_fit(case, tmp_path):
    """One step of training as Keras compiles it moves the weights."""
    subject = case.subject()
    before = _values(subject)
    # "auto" is XLA on TensorFlow and JAX. On PyTorch it is eager, where
    # `True` compiles C++ for minutes.
    loss = _fit_one_step(case, subject, jit_compile="auto")
    assert np.isfinite(loss), f"the loss is {loss}"
    after = _values(subject)
    moved = any(
        np.any(after[path] != before[path])
        for path, variable in zip(after, subject.variables, strict=True)
        if variable.trainable
    )
    assert moved or case.num_weights == 0, "no weight has moved"
    for path, value in after.items():
        assert np.isfinite(value).all(), f"`{path}` is not finite"
    _check_keeps_none(subject, "`fit`")


def check_masking(case, tmp_path):
    """A mask is passed on, and what it hides has no influence.

    It is claimed by `supports_masking`, or by an argument `mask` of `call`.
    """
    layer = case.subject()
    takes = "mask" in inspect.signature(layer.call).parameters
    claims = takes or layer.supports_masking
    assert claims == case.masks, (
        f"the layer {'claims' if claims else 'does not claim'} to know masks, "
        f"the case says masks={case.masks}"
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
    assert_close(others[mask], outputs[mask], what="outputs beside a mask")
    (passed,) = to_numpy(layer.compute_mask(inputs, mask)) or (None,)
    assert passed is not None and np.array_equal(passed, mask), (
        "the mask is not passed on"
    )


def check_keeps_no_tensor(case, tmp_path):
    """Nothing of a call stays: memory, and dead tracers, would.

    That nothing of `fit` does, `check_compiled_fit` tells.
    """
    subject = case.subject()
    tensors(subject, case.inputs())
    _check_keeps_none(subject, "a call")
    subject(case.symbolic_inputs())
    _check_keeps_none(subject, "a symbolic call")


def _check_keeps_none(subject, when):
    kept = tensors_of(subject)
    assert not kept, f"after {when}, there is a tensor at {', '.join(kept)}"
