"""Reads checkpoints, from people one may not know, without running them."""

import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from keras_attn.extras import how_to_install
from keras_attn.weights.archives import check_archive, check_sums
from keras_attn.weights.npz import read_npz

Source = Mapping[str, Any] | str | os.PathLike
Loader = Callable[[pathlib.Path], Any]


def read(source: Source) -> dict[str, np.ndarray]:
    """Returns the arrays of a checkpoint by name.

    A dictionary of weights inside of a larger one is found under the keys
    `state_dict` and `model`, and a `module.` before every name is dropped:
    `torch.nn.DataParallel` puts it there.

    Args:
        source: A path that ends in `.safetensors`, `.pt`, `.pth` or `.npz`,
            or a mapping of names to arrays or tensors.

    Returns:
        A dict of names to NumPy arrays, not checked yet in any way. They may
        share memory with the source.

    Raises:
        ValueError: If the source cannot be read as plain arrays, or would
            take more memory than `check_archive` allows.
    """
    is_file = isinstance(source, str | os.PathLike)
    found = _read_file(pathlib.Path(os.fsdecode(source))) if is_file else source
    if isinstance(found, Mapping):
        for key in ("state_dict", "model"):
            if isinstance(found.get(key), Mapping):
                found = found[key]
                break
    if not isinstance(found, Mapping) or not all(
        isinstance(name, str) for name in found
    ):
        raise ValueError(
            "`source` must be a mapping of names to arrays, or the path of a "
            f"file that holds one. Received: source={_shown(source)}"
        )
    start = "module."
    if not all(name.startswith(start) for name in found):
        start = ""
    return {
        name[len(start) :]: _array(name, found[name], is_file) for name in found
    }


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


def _read_file(path: pathlib.Path) -> Any:
    """Returns what a file holds, checked for its size only."""
    if path.suffix.lower() not in _LOADERS:
        raise ValueError(
            f"A file of weights must end in one of {list(_LOADERS)}. "
            f"Received: source={str(path)!r}"
        )
    # Nor a folder, a pipe or a device. `path.is_file` may raise an error.
    if not os.path.isfile(path):
        raise ValueError(
            "`source` must be the path of a file that exists. "
            f"Received: source={str(path)!r}"
        )
    load = _LOADERS[path.suffix.lower()]()
    try:
        check_archive(path)
        return load(path)
    # A crafted file can make a reader fail in any way, out of memory too.
    except Exception as error:
        raise _unreadable(path, error) from error


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
            "PyTorch must be 2.10 or newer to read `.pt` and `.pth` files: "
            "before, they could run code (CVE-2025-32434, CVE-2026-24747). "
            f"Received: torch.__version__={str(version)!r}. "
            "Upgrade it, or convert the file to `.safetensors`."
        )

    def load(path: pathlib.Path) -> Any:
        check_sums(path)
        return torch.load(path, map_location="cpu", weights_only=True)

    return load


_LOADERS: dict[str, Callable[[], Loader]] = {
    ".safetensors": _safetensors,
    ".pt": _torch,
    ".pth": _torch,
    ".npz": lambda: read_npz,
}


def _not_installed(extra: str) -> ValueError:
    return ValueError(
        f"A file of this kind needs a package to read it. Received: {extra} "
        f"is not installed. Run {how_to_install(extra)}."
    )


def _unreadable(path: os.PathLike, error: Exception) -> ValueError:
    return ValueError(
        "A file of weights must be whole, and hold arrays and nothing else. "
        f"Received: source={str(path)!r}, where {type(error).__name__}: "
        f"{error}"
    )


def _array(name: str, value: Any, from_file: bool) -> np.ndarray:
    # NumPy would write out lists of one and the same list, of which a pickle
    # can nest as many as it likes.
    if from_file and isinstance(value, list | tuple):
        return np.array(None, object)
    try:
        return to_numpy(value)
    except Exception as error:
        raise ValueError(
            "`source` must map names to arrays. Received: "
            f"{name!r} of {type(value).__name__}: {error}"
        ) from error


def _shown(source: Source) -> str:
    if isinstance(source, str | os.PathLike):
        return repr(str(source))
    return f"<{type(source).__name__}>"
