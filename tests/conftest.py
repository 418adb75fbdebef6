"""Gives every test the same initial state, on any backend."""

import gc
import importlib.util
import pathlib

import tests  # noqa: F401 - first, as it sets the environment

# Imported first: PyTorch can crash when another backend is imported before it.
if importlib.util.find_spec("torch") is not None:
    import torch  # noqa: F401

import keras
import pytest

pytest.register_assert_rewrite("tests.contracts")

from tests.contracts import devices  # noqa: E402

# These tests use no backend, or run the same code on each one. The contract
# covers what blocks do on each backend.
ONCE = (
    *("applications", "benchmarks", "blocks", "docs", "faults", "gpu"),
    *("test_contracts.py", "test_exports.py", "test_packaging.py"),
)


def pytest_addoption(parser):
    parser.addoption(
        "--require-gpu",
        action="store_true",
        help="fail if no GPU is visible to the Keras backend",
    )
    parser.addoption(
        "--parts",
        metavar="FOLDER",
        type=pathlib.Path,
        help="run each test folder in its own process, with logs in FOLDER",
    )


def _runs_once(config, path):
    """Returns whether the tests of a file are `once` by default."""
    once = {config.rootpath / "tests" / name for name in ONCE}
    return not once.isdisjoint((path, *path.parents))


def pytest_ignore_collect(collection_path, config):
    """Skips files whose tests would all be deselected, to save their import."""
    if "not once" not in config.option.markexpr:
        return None
    if collection_path.is_dir() or collection_path.suffix != ".py":
        return None
    text = collection_path.read_text()
    if "\npytestmark = pytest.mark.once\n" in text:
        return True
    # The checks of a contract are marked individually.
    each = "each_backend" in text or "@contract(" in text
    return True if _runs_once(config, collection_path) and not each else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    for item in items:
        here = _runs_once(config, item.path)
        if here and item.get_closest_marker("each_backend") is None:
            item.add_marker("once")


def pytest_collection_finish(session):
    # About a million objects live until the end, and each full garbage
    # collection would traverse them. Most objects of a test are freed soon.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


# Forks here because it may be too late after the backend has been used.
@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    config = session.config
    logs = config.getoption("--parts")
    if logs is not None:
        # Some platforms cannot fork.
        from tests import parts

        if parts.run(session, logs, keras.backend.backend()):
            return True
    if config.getoption("--require-gpu") and devices.device() != "gpu":
        raise pytest.UsageError(
            "`--require-gpu` needs a GPU that is visible to the Keras backend. "
            f"Received: {_backend()}, which would run on the CPU"
        )
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # Code that XLA compiles ignores the environment variable.
        tf.config.experimental.enable_tensor_float_32_execution(False)
    # `pytest_report_header` is hidden by `-q`.
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(
            f"Keras {keras.__version__}, {_backend()}, on {devices.device()}"
        )
    return None


def _backend():
    """Returns the name and version of the backend."""
    name = keras.backend.backend()
    return f"{name} {importlib.import_module(name).__version__}"


@pytest.fixture(autouse=True)
def same_start():
    """Seeds all generators and restores the settings of Keras after a test."""
    data_format = keras.config.image_data_format()
    policy = keras.config.dtype_policy()
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_image_data_format(data_format)
    keras.config.set_dtype_policy(policy)


@pytest.fixture
def tolerance():
    """Returns the relative difference that rounding explains on this device."""
    return devices.tolerance()
