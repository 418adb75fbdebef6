"""The same start for each test, on whichever backend is running."""

import gc
import importlib.util
import pathlib

import tests  # noqa: F401 - before a backend, as it sets their environment

# Before the other backends: imported after them, PyTorch can crash.
if importlib.util.find_spec("torch") is not None:
    import torch  # noqa: F401

import keras
import pytest

pytest.register_assert_rewrite("tests.contracts")

from tests.contracts import devices  # noqa: E402

# What is tested there touches no backend, or is the same code on each. What a
# block does there is in its contract.
ONCE = (
    *("applications", "benchmarks", "blocks", "docs", "faults", "gpu"),
    *("test_contracts.py", "test_exports.py", "test_packaging.py"),
)


def pytest_addoption(parser):
    parser.addoption(
        "--require-gpu",
        action="store_true",
        help="fail if the Keras backend sees no GPU",
    )
    parser.addoption(
        "--parts",
        metavar="FOLDER",
        type=pathlib.Path,
        help="run each folder of tests in a process that prints to a file here",
    )


def _runs_once(config, path):
    """Whether the tests of a file are `once` by default."""
    once = {config.rootpath / "tests" / name for name in ONCE}
    return not once.isdisjoint((path, *path.parents))


def pytest_ignore_collect(collection_path, config):
    """Leaves out what would only be deselected: to import it takes longer."""
    if "not once" not in config.option.markexpr:
        return None
    if collection_path.is_dir() or collection_path.suffix != ".py":
        return None
    text = collection_path.read_text()
    if "\npytestmark = pytest.mark.once\n" in text:
        return True
    # The checks of a contract are marked one by one.
    each = "each_backend" in text or "@contract(" in text
    return True if _runs_once(config, collection_path) and not each else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    for item in items:
        here = _runs_once(config, item.path)
        if here and item.get_closest_marker("each_backend") is None:
            item.add_marker("once")


def pytest_collection_finish(session):
    # A million objects that live to the end, and that each full collection
    # of garbage would look through; and what a test makes is soon gone.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


# Not before: it may be too late to fork once a backend has been asked.
@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    config = session.config
    logs = config.getoption("--parts")
    if logs is not None:
        # Not everywhere can a process be forked.
        from tests import parts

        if parts.run(session, logs, keras.backend.backend()):
            return True
    if config.getoption("--require-gpu") and devices.device() != "gpu":
        raise pytest.UsageError(
            "--require-gpu: no GPU is visible to the Keras backend "
            f"{_backend()}, which would run on the CPU instead"
        )
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # What XLA compiles there does not ask the environment.
        tf.config.experimental.enable_tensor_float_32_execution(False)
    # Not `pytest_report_header`, which `-q` hides.
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(
            f"Keras {keras.__version__}, {_backend()}, on {devices.device()}"
        )
    return None


def _backend():
    """Returns name and version of the backend."""
    name = keras.backend.backend()
    return f"{name} {importlib.import_module(name).__version__}"


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
