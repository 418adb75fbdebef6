"""Checks of configs, registered names and files."""

import copy
import importlib.util
import inspect
import json
import os
import pathlib
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest

from tests import alone
from tests.contracts.calls import outputs
from tests.contracts.cases import LayerCase
from tests.contracts.devices import assert_close
from tests.contracts.walk import layers_of

ROOT = pathlib.Path(__file__).parents[2]


def check_config_round_trip(case, tmp_path):
    """Checks that the config is complete, plain and unchanged by `build`."""
    subject = case.make()
    config = subject.get_config()
    json.dumps(config)
    case.build(subject)
    assert subject.get_config() == config, "`build` changes the config"
    # A copy, because models change the config that they are given.
    again = type(subject).from_config(copy.deepcopy(config))
    assert again.get_config() == config, "`from_config` changes the config"
    if not isinstance(case, LayerCase):
        return
    for name, parameter in inspect.signature(case.cls).parameters.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        assert name in config, f"`{name}` is not in the config"
        given, loaded = (
            keras.saving.serialize_keras_object(getattr(layer, name))
            for layer in (subject, again)
        )
        assert loaded == given, f"`{name}` was {given}, reloaded as {loaded}"


def check_registered_name(case, tmp_path):
    """Checks that classes are registered under the package, for loading."""
    own = [
        type(layer)
        for layer in layers_of(case.subject())
        if type(layer).__module__.split(".")[0] != "keras"
    ]
    if isinstance(case, LayerCase):
        own.append(case.cls)
    for cls in own:
        expected = f"{case.package}>{cls.__name__}"
        name = keras.saving.get_registered_name(cls)
        assert name == expected, f"{cls} is registered as {name}"
        assert keras.saving.get_registered_object(name) is cls


def run_python(*arguments, backend=None):
    """Runs Python in a new process at the root of the repository."""
    environment = alone(backend or keras.backend.backend())
    environment |= {
        "PYTHONPATH": os.pathsep.join([environment["PYTHONPATH"], str(ROOT)]),
        # TensorFlow's startup log would hide our messages.
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )


def check_saved_and_loaded(case, tmp_path):
    """Checks that a saved model and saved weights reproduce the outputs.

    `tests.compare_backends` loads the same files on other backends.
    """
    subject, inputs = case.shared(), case.inputs()
    expected = outputs(subject, inputs)
    case.as_model(subject).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_close(outputs(loaded, inputs), expected, what="outputs, loaded")
    # As with a checkpoint: weights only, into a new subject.
    target = case.make()
    case.build(target)
    target.set_weights(subject.get_weights())
    assert_close(
        outputs(target, inputs),
        expected,
        what="outputs with loaded weights",
    )


def check_onnx_export(case, tmp_path):
    """Checks that an exported graph has equal outputs for two batches.

    Their sizes are open, unless the formula needs a fixed height and width.
    """
    runtime = pytest.importorskip("onnxruntime")
    if keras.backend.backend() == "jax":
        # Keras' exporter on JAX. It installs Flax, so it is not a dependency.
        if importlib.util.find_spec("jax2onnx") is None:
            pytest.skip(
                "jax2onnx, which Keras needs to export, is not installed"
            )
    elif keras.backend.backend() == "tensorflow":
        pytest.importorskip("tf2onnx")
    other, size = case.other_size() if case.exports_open else (None, None)
    model = case.as_model(case.shared(), size=size)
    model(case.inputs())
    path = str(tmp_path / "model.onnx")
    with warnings.catch_warnings():
        # The exporters warn about their own code and every Python number. The
        # two sizes show whether a number was frozen wrongly.
        warnings.simplefilter("ignore")
        model.export(path, format="onnx", verbose=False)
    session = runtime.InferenceSession(path)
    names = [node.name for node in session.get_inputs()]
    for batch, size in ((2, None), (3, other)):
        inputs = case.inputs(batch=batch, size=size)
        feed = dict(zip(names, keras.tree.flatten(inputs), strict=True))
        try:
            found = session.run(None, feed)
        except Exception as error:
            raise AssertionError(f"a batch {batch, size}: {error}") from error
        for y, e in zip(found, outputs(model, inputs), strict=True):
            assert y.shape == e.shape, (
                f"a batch {batch, size} has outputs of {y.shape}"
            )
            np.testing.assert_allclose(y, e, rtol=1e-5, atol=1e-5)
