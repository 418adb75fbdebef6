"""What happens when a layer runs: draws, state, compilation, masks."""

import inspect

import keras
import numpy as np

from tests.contracts.calls import COMPILED, outputs, tensors
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


class _Batches(keras.utils.PyDataset):
    """Pairs of inputs and targets, of different shapes."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


def _fit(case, subject):
    """Fits two batches, of two sizes unless it is fixed; returns the loss."""
    other, size = case.other_size()
    batches = [case.inputs()]
    # JAX compiles each shape by itself, so that one tells all.
    if not COMPILED:
        batches.append(case.inputs(batch=3, size=other))
    model = case.as_model(subject, size=None if COMPILED else size)
    # "auto" is XLA on JAX, a graph of unknown sizes on TensorFlow without a
    # GPU, and eager on PyTorch, where `True` compiles C++ for minutes.
    model.compile(keras.optimizers.SGD(1e-3), "mse", jit_compile="auto")
    data = []
    for inputs in batches:
        targets = [y + 1.0 for y in outputs(model, inputs)]
        # Tuples, since a data set on TensorFlow has no lists.
        data.append(
            (
                tuple(inputs) if isinstance(inputs, list) else inputs,
                tuple(targets) if len(targets) > 1 else targets[0],
            )
        )
    with case.fitting():
        fitted = model.fit(_Batches(data), verbose=0, shuffle=False)
    return fitted.history["loss"][0]


def check_compiled_fit(case, tmp_path):
    """Training as Keras compiles it moves the weights, at unknown sizes."""
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
