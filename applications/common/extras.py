"""Imports optional packages."""

import importlib
from types import ModuleType


def optional(module: str, extra: str) -> ModuleType:
    """Imports a module; the error names the extra that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as problem:
        # Imported late, since it imports Keras, which fixes the backend.
        from keras_attn.extras import how_to_install

        raise ValueError(
            f"this command needs {module.partition('.')[0]}, which cannot be "
            f"imported ({problem}): {how_to_install(extra)}"
        ) from problem
