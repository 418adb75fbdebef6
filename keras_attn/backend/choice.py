"""Starts Keras on a supported backend, or explains in one line how to choose.

If its backend is not installed, Keras fails deep inside its own import and
names a module that the user may never have chosen. This module checks first.
"""

import importlib.util
import json
import os
import sys

from keras_attn.extras import how_to_install

KNOWN = ("tensorflow", "torch", "jax")


def start() -> str:
    """Imports Keras and returns the name of the backend that it runs on.

    Raises:
        ImportError: If the backend is not installed, cannot be imported or is
            not supported.
    """
    if "keras" not in sys.modules:
        _import_keras(*chosen())
    import keras

    name = keras.backend.backend()
    if name not in KNOWN:
        raise _refused(name, "on which Keras runs in this process")
    return name


def chosen() -> tuple[str, str]:
    """Returns the backend that Keras will use, and where it is set."""
    name = os.environ.get("KERAS_BACKEND")
    if name:
        return name, "from KERAS_BACKEND"
    path = _config_path()
    try:
        with open(path) as file:
            return json.load(file)["backend"], f"from {path}"
    except (OSError, ValueError, LookupError, TypeError):
        return "tensorflow", "the default of Keras"


def installed() -> list[str]:
    """Returns the names of the supported backends that are installed."""
    return [name for name in KNOWN if _is_installed(name)]


def _config_path() -> str:
    home = os.path.expanduser("~")
    # As in Keras, if the home folder is not writable.
    base = home if os.access(home, os.W_OK) else "/tmp"
    folder = os.environ.get("KERAS_HOME", os.path.join(base, ".keras"))
    return os.path.expanduser(os.path.join(folder, "keras.json"))


def _is_installed(name: str) -> bool:
    if sys.modules.get(name) is not None:
        return True
    spec = importlib.util.find_spec(name)
    # A folder that happens to be named `torch` has no origin.
    return spec is not None and spec.origin is not None


def _import_keras(name: str, source: str) -> None:
    if name not in KNOWN or not _is_installed(name):
        raise _refused(name, source)
    # A failed import leaves modules behind that remember the backend.
    failed = any(module.startswith("keras.") for module in sys.modules)
    try:
        import keras  # noqa: F401
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        fix = f"Reinstall it ({how_to_install(name)}), or set KERAS_BACKEND."
        if failed:
            fix = "Restart Python: an earlier import of Keras failed."
        raise ImportError(
            "Keras must be able to import its backend. Received: "
            f"backend={name!r}, {source}, and {reason}. {fix}"
        ) from error


def _refused(name: str, source: str) -> ImportError:
    found = installed()
    command = how_to_install(name if name in KNOWN else KNOWN[-1])
    fix = f"Install one: {command}, and set KERAS_BACKEND to its name."
    if found:
        fix = (
            "Before the first import of Keras, set os.environ"
            f'["KERAS_BACKEND"] = "{found[0]}", or the same variable in the '
            "shell."
        )
    return ImportError(
        "The Keras backend must be installed, and be one of 'tensorflow', "
        f"'torch' and 'jax'. Received: backend={name!r}, {source}. "
        f"Installed: {', '.join(found) or 'none'}. {fix}"
    )
