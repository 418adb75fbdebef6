"""Trainings on two devices, simulated by a processor."""

import csv
import subprocess
import sys

import keras
import numpy as np
import pytest

from applications.image_classification import train
from tests import alone
from tests.applications.image_classification.conftest import OPTIONS, TINY_VIT

pytestmark = pytest.mark.each_backend

# Devices must be created first.
CHILD = """
import contextlib, os, sys

if os.environ["KERAS_BACKEND"] == "tensorflow":
    import tensorflow as tf
    (cpu,) = tf.config.list_physical_devices("CPU")
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)

from applications.common import devices
from applications.image_classification import train

@contextlib.contextmanager
def seen(how, distributed=devices.distributed):
    with distributed(how) as found:
        print(how, found.count)
        yield found

devices.distributed = seen
for how in ("none", "data"):
    argv = [*sys.argv[2:], "--output", os.path.join(sys.argv[1], how)]
    assert train.main([*argv, "--distribute", how]) == 0
"""


def has_distribution():
    return keras.backend.backend() != "torch"


@pytest.fixture(scope="module")
def logs(fashion, tmp_path_factory):
    """Logs of the same training on one device and on two."""
    if not has_distribution():
        pytest.skip("Keras does not distribute on PyTorch, as tested below")
    folder = tmp_path_factory.mktemp("distributed")
    argv = ["--data", str(fashion), *OPTIONS, "--arguments", TINY_VIT]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), *argv],
        env={
            **alone(keras.backend.backend()),
            "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
            # Even if there is a GPU.
            "CUDA_VISIBLE_DEVICES": "",
            "JAX_PLATFORMS": "cpu",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "none 1" in done.stdout and "data 2" in done.stdout
    logs = []
    for name in ("none", "data"):
        with (folder / name / "log.csv").open() as file:
            logs.append(list(csv.DictReader(file)))
        model = keras.saving.load_model(folder / name / "model.keras")
        logs[-1].append(model.get_weights())
    return logs


@pytest.mark.slow
def test_two_devices_learn_as_one(logs):
    (*one, weights), (*two, others) = logs
    assert len(one) == 3
    for row, other in zip(one, two, strict=True):
        assert row.keys() == other.keys()
        for name, value in row.items():
            np.testing.assert_allclose(
                float(other[name]), float(value), rtol=1e-4, err_msg=name
            )
    for array, other in zip(weights, others, strict=True):
        np.testing.assert_allclose(other, array, rtol=1e-2, atol=1e-4)


def test_pytorch_says_what_does_distribute(fashion, tmp_path, capsys):
    if has_distribution():
        pytest.skip("of PyTorch")
    argv = ["--data", str(fashion), *OPTIONS, "--arguments", TINY_VIT]
    argv += ["--distribute", "data", "--output", str(tmp_path / "run")]
    assert train.main(argv) == 2
    error = capsys.readouterr().err
    assert "--distribute data needs --backend jax or tensorflow" in error
    assert not (tmp_path / "run").exists()
    assert keras.__version__ in error
