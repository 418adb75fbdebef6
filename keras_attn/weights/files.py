"""Reads checkpoints, from people one may not know, without running them."""

import os
import pathlib
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

# No file may be, or unpack to, more than this: 4 billion float32 weights.
MAX_BYTES = 16 * 2**30
# Weights hardly compress: an archive above these two was made to fill memory.
MAX_RATIO = 100
MAX_BYTES_AT_ANY_RATIO = 256 * 2**20

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
            take more than `MAX_BYTES`.
    """
    if isinstance(source, str | os.PathLike):
        found = _read_file(pathlib.Path(source))
    else:
        found = source
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
    return {name[len(start) :]: _array(name, found[name]) for name in found}


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
    if not path.is_file():
        raise ValueError(
            "`source` must be the path of a file that exists. "
            f"Received: source={str(path)!r}"
        )
    load = _LOADERS[path.suffix.lower()]()
    size = path.stat().st_size
    try:
        unpacked = _unpacked_size(path)
    except Exception as error:
        raise _unreadable(path, error) from error
    if max(size, unpacked) > MAX_BYTES or (
        unpacked > MAX_BYTES_AT_ANY_RATIO and unpacked > MAX_RATIO * size
    ):
        raise ValueError(
            f"A file of weights must not unpack to more than {MAX_BYTES} "
            f"bytes, nor to more than {MAX_RATIO} times its size. Received: "
            f"source={str(path)!r} of {size} bytes, unpacked {unpacked}"
        )
    try:
        return load(path)
    # A crafted file can make a reader fail in any way, out of memory too.
    except Exception as error:
        raise _unreadable(path, error) from error


def _unpacked_size(path: pathlib.Path) -> int:
    """Returns how many bytes a zip file declares to hold, else 0.

    The readers stop at the declared size, so that to declare less is of no
    use. What is no zip file by its first bytes is none to the readers either.
    """
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            return 0
    with zipfile.ZipFile(path) as archive:
        return sum(info.file_size for info in archive.infolist())


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
    if tuple(int(part) for part in version.split(".")[:2]) < (2, 6):
        raise ValueError(
            "PyTorch must be 2.6 or newer to read `.pt` and `.pth` files: "
            "before, they could run code (CVE-2025-32434). "
            f"Received: torch.__version__={str(version)!r}. "
            "Upgrade it, or convert the file to `.safetensors`."
        )
    return lambda path: torch.load(path, map_location="cpu", weights_only=True)


def _npz() -> Loader:
    def load(path: pathlib.Path) -> dict[str, np.ndarray]:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}

    return load


_LOADERS: dict[str, Callable[[], Loader]] = {
    ".safetensors": _safetensors,
    ".pt": _torch,
    ".pth": _torch,
    ".npz": _npz,
}


def _not_installed(extra: str) -> ValueError:
    return ValueError(
        f"A file of this kind needs a package to read it. Received: {extra} "
        f"is not installed. Run `pip install keras_attn[{extra}]`."
    )


def _unreadable(path: pathlib.Path, error: Exception) -> ValueError:
    return ValueError(
        "A file of weights must be whole, and hold arrays and nothing else. "
        f"Received: source={str(path)!r}, where {type(error).__name__}: "
        f"{error}"
    )


def _array(name: str, value: Any) -> np.ndarray:
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
