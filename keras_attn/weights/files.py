"""Reads checkpoints, from people one may not know, without running them."""

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
    """Returns what a checkpoint holds: arrays by name, or around them more.

    Args:
        source: A path that ends in one of `SUFFIXES`, or a mapping.
        argument: What a message calls the source.

    Returns:
        A mapping, not checked yet in any way.

    Raises:
        ValueError: If the source is no mapping, cannot be read as plain
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


def to_array(name: str, value: Any, from_file: bool) -> np.ndarray:
    """Returns an array of a checkpoint, which may share its memory."""
    # NumPy would write out lists of one and the same list, of which a pickle
    # can nest as many as it likes.
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
    """Returns a NumPy array of anything that can be one, without a copy."""
    if isinstance(value, keras.Variable):
        value = value.value
    if not hasattr(value, "detach"):
        return np.asarray(value)
    tensor = value.detach().cpu()
    if str(tensor.dtype) != "torch.bfloat16":
        return tensor.numpy()
    # The same bits under another name, which NumPy knows from `ml_dtypes`, a
    # package that Keras imports. A copy would write out what strides of zero
    # only pretend to be large.
    import torch

    return tensor.view(torch.int16).numpy().view("bfloat16")


def _read_file(path: pathlib.Path, argument: str) -> Any:
    """Returns what a file holds, checked for its size only."""
    suffix = next((s for s in SUFFIXES if path.name.lower().endswith(s)), None)
    received = f"Received: {argument}={str(path)!r}"
    if suffix is None:
        raise ValueError(
            f"A file of weights must end in one of {list(SUFFIXES)}. {received}"
        )
    # Nor a folder, a pipe or a device. `path.is_file` may raise an error.
    if not os.path.isfile(path):
        raise ValueError(
            f"`{argument}` must be the path of a file that exists. {received}"
        )
    load = _LOADERS[suffix]()
    try:
        check_size(path)
        return load(path)
    # A crafted file can make a reader fail in any way, out of memory too.
    except Exception as error:
        # Of a module that nothing here may import.
        holds_objects = type(error).__name__ == "UnpicklingError"
        fix = _ONLY_TENSORS if holds_objects else ""
        # A traceback shows the cause, with all that it advises.
        raise ValueError(
            "A file of weights must be whole, and hold arrays and nothing "
            f"else. {received}, where {reason(error)}{fix}"
        ) from (None if is_unsafe_advice(error) else error)


_ONLY_TENSORS = (
    " Of PyTorch's files, tensors and plain containers are read and nothing "
    "else: save the `state_dict()` alone, best as `.safetensors`."
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
            "PyTorch must be 2.10 or newer to read its own files: before, "
            "they could run code (CVE-2025-32434, CVE-2026-24747). "
            f"Received: torch.__version__={str(version)!r}. "
            "Upgrade it, or convert the file to `.safetensors`."
        )

    def load(path: pathlib.Path) -> Any:
        with open(path, "rb") as file:
            # By this PyTorch tells a zip file from its older form, a pickle.
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
        f"A file of this kind needs a package to read it. Received: {extra} "
        f"is not installed. Run {how_to_install(extra)}."
    )
