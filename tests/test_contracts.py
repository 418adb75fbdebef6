"""Tests that each check passes good layers and catches its fault."""

import dataclasses

import keras
import pytest

from tests import contracts
from tests.contracts import LAYER_CHECKS, MODEL_CHECKS, LayerCase, ModelCase
from tests.contracts import examples as x
from tests.contracts.devices import FORMATS, format_error

SEEDED = {"rate": 0.25, "seed": 3}
GATE = LayerCase(
    cls=x.Gate,
    kwargs=SEEDED,
    shape=(4, 3, 5),
    num_weights=2,
    name="gate",
    reference=x.gate,
    random=True,
    products_in_half=True,
    package=x.PACKAGE,
)
TOKENS = LayerCase(
    cls=x.Tokens,
    shape=(6, 4),
    num_weights=1,
    reference=lambda weights, t: (
        t
        + weights["scale"] * t.mean(1, keepdims=True) / (1 + 1e-3 / t.shape[1])
    ),
    formats=FORMATS[:1],
    masks=True,
    package=x.PACKAGE,
)
FIXED_GATE = dataclasses.replace(
    GATE, cls=x.FixedGate, name="fixed_gate", fixed_size=True
)
GATE_MODEL = ModelCase(
    function=x.gate_model,
    # Not 6 wide: that leaves 4 columns, as many as channels. Keras 3.15 on
    # TensorFlow then adds the bias of a channels-first convolution to the
    # columns.
    shape=(5, 7, 3),
    num_weights=6,
    golden=lambda model: (GATE_MODEL.inputs(), _expected(model)),
    random=True,
    fixed_size=True,
    package=x.PACKAGE,
)


def _expected(model):
    """Returns the outputs of a channels-last copy of a model."""
    twin = GATE_MODEL.subject()
    twin.set_weights(model.get_weights())
    return keras.ops.convert_to_numpy(twin(GATE_MODEL.inputs()))


def faulty(cls, base=GATE, **changes):
    return dataclasses.replace(base, cls=cls, name=cls.__name__, **changes)


def faulty_model(cls):
    return dataclasses.replace(
        GATE_MODEL, name=f"model_of_{cls.__name__}", kwargs={"layer": cls}
    )


# The fault that each check must catch, and the error: an assertion of the
# check, or an error of the backend, whose type varies. Keras turns one of JAX's
# into an `AttributeError` when it adds the layer's name.
REFUSED = (
    AssertionError,
    AttributeError,
    TypeError,
    ValueError,
    RuntimeError,
)
FAULTS = [
    ("number_of_weights", faulty(x.HasADeadWeight)),
    ("config_round_trip", faulty(x.LosesAnArgument)),
    ("config_round_trip", faulty(x.ChangesAnArgument)),
    ("config_round_trip", faulty(x.BuildsItsConfig)),
    ("registered_name", faulty(x.IsNotRegistered)),
    ("registered_name", faulty_model(x.IsNotRegistered)),
    ("registered_name", dataclasses.replace(GATE, package="keras_attn")),
    ("shapes_agree", faulty(x.LiesAboutItsShape)),
    ("dynamic_sizes", faulty(x.RemembersItsSize)),
    ("dynamic_sizes", dataclasses.replace(GATE, fixed_size=True)),
    ("data_formats_agree", faulty(x.MixesUpAxes)),
    ("data_formats_agree", faulty_model(x.MixesUpAxes)),
    ("matches_reference", faulty(x.ForgetsTheDivisor)),
    ("matches_reference", faulty_model(x.MixesUpAxes)),
    ("saved_and_loaded", faulty(x.HidesAWeight)),
    ("gradients", faulty(x.HasADeadWeight, num_weights=3)),
    ("gradients", faulty(x.HidesALogOfZero)),
    ("gradients", faulty(x.TakesOneFromTheCount)),
    ("gradients", faulty(x.StopsTheGradient)),
    ("float16", faulty(x.SumsSquares, shape=(16, 16, 5))),
    ("saturation", faulty(x.LeavesTheRange)),
    ("large_gradients", faulty(x.TakesFifthPowers)),
    ("empty_batch", faulty(x.AveragesNoImage)),
    ("integers", faulty(x.ReturnsIntegers)),
    ("dtype_policy", faulty(x.ForgetsTheDtype)),
    ("dtype_policy", faulty_model(lambda name: x.Gate(dtype="float32"))),
    ("randomness", faulty(x.FreezesItsDraw)),
    ("randomness", faulty(x.IgnoresItsSeed)),
    ("randomness", faulty(x.DropsInInference)),
    ("randomness", faulty(x.CountsInInference)),
    ("compiled_fit", faulty(x.LeavesTheGraph)),
    ("compiled_fit", faulty(x.StopsTheGradient)),
    ("masking", faulty(x.DropsItsMask, TOKENS)),
    ("masking", faulty(x.EndsItsMask, TOKENS)),
    ("masking", dataclasses.replace(TOKENS, masks=False)),
    ("keeps_no_tensor", faulty(x.KeepsItsInput)),
    ("keeps_no_tensor", faulty(x.KeepsItsGraph)),
    ("onnx_export", faulty(x.FixesTheBatch)),
]
if keras.backend.backend() == "torch":
    # Only there does Keras trace open sizes on one pixel.
    FAULTS.append(("onnx_export", faulty(x.TreatsOnePixel)))


@pytest.mark.parametrize(
    ("name", "case"), FAULTS, ids=[f"{n}-{c}" for n, c in FAULTS]
)
def test_catches_the_fault(name, case, tmp_path):
    check = getattr(contracts, f"check_{name}")
    with pytest.raises(REFUSED):
        check(case, tmp_path)


def test_every_check_has_a_fault_it_must_catch():
    planted = {f"check_{name}" for name, _ in FAULTS}
    checks = {*LAYER_CHECKS, *MODEL_CHECKS}
    assert planted == {check.__name__ for check in checks}


@pytest.mark.once
@pytest.mark.parametrize("check", LAYER_CHECKS)
def test_a_good_layer_passes(check, tmp_path):
    check(GATE, tmp_path)


@pytest.mark.once
@pytest.mark.parametrize("check", LAYER_CHECKS)
def test_a_good_token_layer_passes(check, tmp_path):
    check(TOKENS, tmp_path)


@pytest.mark.once
@pytest.mark.parametrize(
    "check", [contracts.check_shapes_agree, contracts.check_dynamic_sizes]
)
def test_a_good_fixed_size_layer_passes(check, tmp_path):
    check(FIXED_GATE, tmp_path)


@pytest.mark.once
@pytest.mark.parametrize("check", MODEL_CHECKS)
def test_a_good_model_passes(check, tmp_path):
    check(GATE_MODEL, tmp_path)


def test_a_format_that_cannot_run_is_skipped_with_a_reason(monkeypatch):
    monkeypatch.setattr(
        "tests.contracts.shapes.format_error", lambda _: "no NCHW here"
    )
    with pytest.raises(pytest.skip.Exception, match="no NCHW here"):
        contracts.check_data_formats_agree(GATE, None)


def test_the_probe_reports_the_error_of_the_backend(monkeypatch):
    def refuse(*args, **kwargs):
        raise RuntimeError("only NHWC\nand a long story")

    monkeypatch.setattr(keras.layers, "Conv2D", refuse)
    format_error.cache_clear()
    try:
        assert format_error("channels_first") == (
            "channels_first fails: RuntimeError: only NHWC"
        )
    finally:
        format_error.cache_clear()
