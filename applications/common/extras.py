"""Imports of packages that not every user has."""

import importlib
from types import ModuleType


def optional(module: str, extra: str) -> ModuleType:
    """Imports a module, or says which extra brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as problem:
        raise ValueError(
            f"{module.partition('.')[0]} is needed here and not installed: "
            f"pip install 'keras_attn[{extra}]'"
        ) from problem
