"""Reads untrusted checkpoints without executing code from them."""

import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from keras_attn.extras import how_to_install
from keras_attn.weights.archives import (
    check_other_reader,
    check_size,
    check_zip,
)
from keras_attn.weights.npz import read_npz
from keras_attn.weights.shown import is_unsafe_advice, quoted, reason

Source = Mapping[str, Any] | str | os.PathLike[str]
Loader = Callable[[pathlib.Path], Any]


def read(source: Source, argument: str = "source") -> Mapping[Any, Any]:
    """Returns the contents of a checkpoint: arrays by name, maybe wrapped.

    Args:
        source: A path that ends in one of `SUFFIXES`, or a mapping.
        argument: The name of the source in error messages.

    Returns:
        A mapping whose contents are not checked yet.

    Raises:
        ValueError: If the source is not a mapping, cannot be read as plain
            arrays, or would take more memory than `archives` allows.
    """
    shown = f"<{type(source).__name__}>"
    if isinstance(source, str | os.PathLike):
        path = pathlib.Path(os.fsdecode(source))
        shown = repr(str(path))
        source = _read_file(path, argument)
    if not isinstance(source, Mapping):
        raise ValueError(
            f"`{argument}` must be a mapping of names to arrays, or the path "
            f"of a file that holds one. Received: {argument}={shown}"
        )
    return source


def check_readable(name: str) -> None:
    """Raises an error if a package for this kind of file is not installed.

    Args:
        name: Name or path of a file that ends in one of `SUFFIXES`.

    Raises:
        ValueError: If the package is not installed, or is too old.
    """
    for suffix, loader in _LOADERS.items():
        if name.lower().endswith(suffix):
            loader()


def to_array(name: str, value: Any, from_file: bool) -> np.ndarray:
    """Returns an array of a checkpoint, which may share its memory."""
    # A pickle can nest references to one list many times, which NumPy would
    # expand.
    if from_file and isinstance(value, list | tuple):
        return np.array(None, object)
    try:
        return to_numpy(value)
    except Exception as error:
        raise ValueError(
            "A checkpoint must map names to arrays. Received: "
            f"{quoted(name)} of {type(value).__name__}: {reason(error)}"
        ) from error


def to_numpy(value: Any) -> np.ndarray:
    """Converts a value to a NumPy array, without a copy."""
    if isinstance(value, keras.Variable):
        value = value.value
    if not hasattr(value, "detach"):
        return np.asarray(value)
    tensor = value.detach().cpu()
    if str(tensor.dtype) != "torch.bfloat16":
        return tensor.numpy()
    # NumPy knows bfloat16 from `ml_dtypes`, which Keras imports. A view, since
    # a copy would allocate a crafted tensor with strides of zero in full.
    import torch

    return tensor.view(torch.int16).numpy().view("bfloat16")


def _read_file(path: pathlib.Path, argument: str) -> Any:
    """Returns the contents of a file, with only its size checked."""
    suffix = next((s for s in SUFFIXES if path.name.lower().endswith(s)), None)
    received = f"Received: {argument}={str(path)!r}"
    if suffix is None:
        raise ValueError(
            f"A weights file must end in one of {list(SUFFIXES)}. {received}"
        )
    # Rejects folders, pipes and devices. `path.is_file` may raise an error.
    if not os.path.isfile(path):
        raise ValueError(
            f"`{argument}` must be the path of an existing file. {received}"
        )
    load = _LOADERS[suffix]()
    try:
        check_size(path)
        return load(path)
    # A crafted file can make a reader fail in any way, even with MemoryError.
    except Exception as error:
        # By name, since `pickle` must not be imported here.
        holds_objects = type(error).__name__ == "UnpicklingError"
        fix = _ONLY_TENSORS if holds_objects else ""
        # A traceback would show the unsafe advice of the cause.
        raise ValueError(
            "A weights file must be complete and contain only arrays. "
            f"{received}, which failed with {reason(error)}{fix}"
        ) from (None if is_unsafe_advice(error) else error)


_ONLY_TENSORS = (
    " A PyTorch file must contain only tensors and plain containers. Save only "
    "the `state_dict()`, preferably as `.safetensors`."
)


def _safetensors() -> Loader:
    try:
        from safetensors.numpy import load_file
    except ImportError as error:
        raise _not_installed("safetensors") from error
    return load_file


def _torch() -> Loader:
    try:
        import torch
    except ImportError as error:
        raise _not_installed("torch") from error
    version = torch.__version__
    if tuple(int(part) for part in version.split(".")[:2]) < (2, 10):
        raise ValueError(
            "PyTorch must be 2.10 or newer to read PyTorch files, which can "
            "execute code in older versions (CVE-2025-32434, CVE-2026-24747). "
            f"Received: torch.__version__={str(version)!r}. "
            "Upgrade PyTorch, or convert the file to `.safetensors`."
        )

    def load(path: pathlib.Path) -> Any:
        with open(path, "rb") as file:
            # PyTorch detects zip files, as opposed to pickles, in this way.
            is_zip = file.read(4) == b"PK\x03\x04"
        if is_zip:
            check_zip(path)
            check_other_reader(path)
        return torch.load(path, map_location="cpu", weights_only=True)

    return load


_LOADERS: dict[str, Callable[[], Loader]] = {
    ".safetensors": _safetensors,
    ".pt": _torch,
    ".pth": _torch,
    ".pth.tar": _torch,
    ".ckpt": _torch,
    ".bin": _torch,
    ".npz": lambda: read_npz,
}
SUFFIXES = tuple(_LOADERS)


def _not_installed(extra: str) -> ValueError:
    return ValueError(
        f"Reading this kind of file requires {extra}. Received: {extra} is "
        f"not installed. Run {how_to_install(extra)}."
    )
