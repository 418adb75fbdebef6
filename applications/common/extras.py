"""Imports of packages that not every user has."""

import importlib
from types import ModuleType


def optional(module: str, extra: str) -> ModuleType:
    """Imports a module, or says which extra brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as problem:
        # Late, because it brings Keras, which reads the backend then.
        from keras_attn.extras import how_to_install

        raise ValueError(
            f"{module.partition('.')[0]} is needed here and cannot be imported "
            f"({problem}): {how_to_install(extra)}"
        ) from problem
