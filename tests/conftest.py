"""The same start for each test, on whichever backend is running."""

import importlib.util

# Before the other backends: imported after them, PyTorch can crash.
if importlib.util.find_spec("torch") is not None:
    import torch

import keras
import pytest

pytest.register_assert_rewrite("tests.contracts")

from tests.contracts import devices  # noqa: E402


def pytest_addoption(parser):
    parser.addoption(
        "--require-gpu",
        action="store_true",
        help="fail if the Keras backend sees no GPU",
    )


def pytest_configure(config):
    if config.getoption("--require-gpu") and devices.device() != "gpu":
        raise pytest.UsageError(
            "--require-gpu: no GPU is visible to the Keras backend "
            f"{_backend()}, which would run on the CPU instead"
        )
    _compute_in_full_float32()


def pytest_sessionstart(session):
    # Not `pytest_report_header`, which `-q` hides.
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(
            f"Keras {keras.__version__}, {_backend()}, on {devices.device()}"
        )


def _backend():
    """Returns name and version of the backend."""
    name = keras.backend.backend()
    return f"{name} {importlib.import_module(name).__version__}"


def _compute_in_full_float32():
    """Switches TF32 and its like off: they keep 10 bits of a factor."""
    if devices.device() != "gpu":
        return
    backend = keras.backend.backend()
    if backend == "torch":
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    elif backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(False)
    else:
        import jax

        jax.config.update("jax_default_matmul_precision", "highest")


@pytest.fixture(autouse=True)
def same_start():
    """Seeds all generators, and restores what a test sets in Keras."""
    data_format = keras.config.image_data_format()
    policy = keras.config.dtype_policy()
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_image_data_format(data_format)
    keras.config.set_dtype_policy(policy)


@pytest.fixture
def tolerance():
    """The relative difference that rounding explains on this device."""
    return devices.tolerance()
