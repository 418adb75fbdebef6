"""The architecture that a checkpoint states."""

import json
import os
from collections.abc import Mapping
from typing import Any

# Written by timm's models on the Hugging Face Hub, and by training scripts.
_KEYS = "architecture", "arch"
_CONFIG = "config.json"
_MAX_BYTES = 2**20


def stated_architecture(source: Any, checkpoint: Mapping[Any, Any]) -> str:
    """Returns the stated name of the architecture, such as timm's, or `""`.

    The name is read from the checkpoint, or from a `config.json` beside its
    file. Files that cannot be read are ignored.

    Args:
        source: The source of the checkpoint.
        checkpoint: The contents of the checkpoint.
    """
    found = _name(checkpoint)
    if found or not isinstance(source, str | os.PathLike):
        return found
    folder = os.path.dirname(os.fsdecode(source))
    return _name(read_config(os.path.join(folder, _CONFIG)))


def read_config(path: str | os.PathLike[str]) -> Mapping[str, Any]:
    """Returns the contents of a `config.json`, empty if it cannot be read."""
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > _MAX_BYTES:
            return {}
        with open(path, "rb") as file:
            config = json.load(file)
    except (OSError, ValueError, RecursionError):
        return {}
    return config if isinstance(config, Mapping) else {}


def _name(stated: Mapping[Any, Any]) -> str:
    names = (stated.get(key) for key in _KEYS)
    return next((name for name in names if isinstance(name, str)), "")
