"""Loads untrusted weights files in the formats of Keras."""

import contextlib
import os
import pathlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_attn.weights.archives import (
    check_size,
    check_unpacked,
    check_zip,
)
from keras_attn.weights.files import to_numpy
from keras_attn.weights.shown import is_unsafe_advice, plain, quoted, reason

_WEIGHTS = "model.weights.h5"


def load_keras(model: keras.Model, path: str | os.PathLike[str]) -> None:
    """Loads a Keras weights file into a model, either all of it or nothing.

    Keras reads the file after a check that it holds only its own arrays, and
    not more than its size suggests. From a `.keras` file, only the weights
    are read: no class is looked up, and no code in it is run.

    Args:
        model: A built model.
        path: A file that ends in `.weights.h5`, `.h5` or `.keras`.

    Raises:
        ValueError: If the file cannot be read, does not fit the model, or
            contains numbers that are not finite. The model is not changed.
    """
    path = pathlib.Path(path)
    before = [np.array(to_numpy(variable)) for variable in model.variables]
    try:
        check_size(path)
        with _unpacked(path) as file:
            check_hdf5(file)
            model.load_weights(file)
        _check_finite(model)
    except BaseException as error:
        for variable, value in zip(model.variables, before, strict=True):
            variable.assign(value)
        # h5py, zipfile and Keras raise any kind of error for broken bytes.
        if isinstance(error, Exception):
            raise ValueError(
                "A Keras weights file must be complete, contain only finite "
                f"numbers, and fit `{model.name}`. Received: "
                f"weights={str(path)!r}, which failed with {reason(error)}"
            ) from (None if is_unsafe_advice(error) else error)
        raise


def check_hdf5(path: pathlib.Path) -> None:
    """Rejects an HDF5 file that holds anything but its own arrays.

    Args:
        path: The file.

    Raises:
        ValueError: If the file has soft or external links, stores data
            outside the file, contains an object in two places, or declares
            arrays that are too large.
    """
    import h5py

    unpacked = 0
    with h5py.File(path, "r") as file:
        groups: list[Any] = [file["/"]]
        seen = {*groups}
        while groups:
            group = groups.pop()
            _check_names(group)
            for name in group:
                link = group.get(name, getlink=True)
                if not isinstance(link, h5py.HardLink):
                    raise ValueError(
                        f"{quoted(name)} is of type {type(link).__name__}"
                    )
                found = group[name]
                # Keras would read it twice, or follow a cycle.
                if found in seen:
                    raise ValueError(f"{quoted(name)} is in two places")
                seen.add(found)
                if isinstance(found, h5py.Group):
                    groups.append(found)
                else:
                    unpacked += _declared_size(name, found)
    check_unpacked(path.stat().st_size, unpacked)


def _declared_size(name: str, found: Any) -> int:
    """Returns the declared bytes of an array, which must be in the file."""
    import h5py

    if not isinstance(found, h5py.Dataset) or found.shape is None:
        raise ValueError(f"{quoted(name)} is not an array")
    if found.external or found.is_virtual:
        raise ValueError(f"{quoted(name)} is stored outside the file")
    if found.dtype.hasobject:
        raise ValueError(
            f"{quoted(name)} holds {plain(str(found.dtype))}, not numbers"
        )
    return found.size * found.dtype.itemsize


def _check_names(group: Any) -> None:
    """Rejects a legacy list of names that makes Keras read an array twice."""
    names = [
        name
        for key in group.attrs
        if key.startswith("weight_names")
        for name in np.ravel(group.attrs[key]).tolist()
    ]
    if len(set(names)) < len(names):
        raise ValueError(f"{quoted(group.name)} lists an array twice")


@contextlib.contextmanager
def _unpacked(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields the HDF5 file: the file itself, or the one in a `.keras` file.

    It is unpacked so that Keras reads exactly the file that was checked, and
    so that compression cannot slow down reading.
    """
    if path.suffix != ".keras":
        yield path
        return
    check_zip(path)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, _WEIGHTS)
        with zipfile.ZipFile(path) as archive:
            with archive.open(_WEIGHTS) as source, file.open("wb") as target:
                shutil.copyfileobj(source, target)
        yield file


def _check_finite(model: keras.Model) -> None:
    for variable in model.variables:
        if keras.backend.is_float_dtype(variable.dtype):
            value = to_numpy(variable)
            if not np.isfinite(value).all():
                raise ValueError(f"{variable.path} is not finite")
