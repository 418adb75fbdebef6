"""The network that a checkpoint says that it is of."""

import json
import os
from collections.abc import Mapping
from typing import Any

# As training scripts, and as timm's models on the Hugging Face Hub have it.
_KEYS = "architecture", "arch"
_CONFIG = "config.json"
_MAX_BYTES = 2**20


def stated_architecture(source: Any, checkpoint: Mapping[Any, Any]) -> str:
    """Returns timm's or another name of the architecture, `""` for none.

    It is in the checkpoint, or in a `config.json` beside its file. What
    cannot be read states nothing.

    Args:
        source: What the checkpoint was read from.
        checkpoint: What it holds.
    """
    found = _name(checkpoint)
    if found or not isinstance(source, str | os.PathLike):
        return found
    folder = os.path.dirname(os.fsdecode(source))
    path = os.path.join(folder, _CONFIG)
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > _MAX_BYTES:
            return ""
        with open(path, "rb") as file:
            config = json.load(file)
    except (OSError, ValueError, RecursionError):
        return ""
    return _name(config) if isinstance(config, Mapping) else ""


def _name(stated: Mapping[Any, Any]) -> str:
    names = (stated.get(key) for key in _KEYS)
    return next((name for name in names if isinstance(name, str)), "")
