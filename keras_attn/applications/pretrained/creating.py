"""Builds a network and loads published weights into it."""

import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import keras

from keras_attn.applications.common.images import channel_axis
from keras_attn.applications.common.warnings import (
    warn,
    warn_of_new_classifier,
)
from keras_attn.applications.pretrained import hashes, hub, repositories, urls
from keras_attn.applications.pretrained.entries import Entry
from keras_attn.weights.convert import load
from keras_attn.weights.files import check_readable


def create(
    function: Callable[..., keras.Model],
    entry: Entry,
    given: Mapping[str, Any],
    file: str | os.PathLike[str] | None = None,
) -> keras.Model:
    """Returns a network with its published weights.

    Args:
        function: Creates the network.
        entry: The weights. They fit the arguments.
        given: Arguments of the function, without those of the entry. The shape
            of the input is that of the entry, unless it is given.
        file: Path of a file that was downloaded before, or `None`.
    """
    _check_reader(entry, file)
    arguments = {**entry.arguments, **given, "weights": None}
    no_shape = arguments.get("input_shape") is None
    if no_shape and arguments.get("input_tensor") is None:
        arguments["input_shape"] = shape_of(entry)
    # Before the download, since an argument may be invalid.
    model = function(**arguments)
    if entry.is_non_commercial:
        warn(
            f"The weights {entry.name!r} must not be used commercially. Their "
            f"licence is {entry.license!r}"
        )
    path = _download(entry) if file is None else _local(file, entry)
    report = load(
        model,
        path,
        argument="weights",
        new_classifier=True,
        # The tables describe the network completely, and some files of CLIP
        # belong to two networks but state only one.
        architecture="",
    )
    warn_of_new_classifier(report, model, entry.name)
    return model


def shape_of(entry: Entry) -> tuple[int, int, int]:
    """Returns the input shape of an entry in Keras' data format."""
    height, width = entry.size
    if channel_axis() == 1:
        return (3, height, width)
    return (height, width, 3)


def _check_reader(entry: Entry, file: str | os.PathLike[str] | None) -> None:
    """Raises an error if a package for the download or the file is missing."""
    if file is not None:
        return
    if entry.hub:
        hub.check_installed(entry.name)
    check_readable(hub.WEIGHTS if entry.hub else entry.url)


def _download(entry: Entry) -> pathlib.Path:
    """Returns the verified file of an entry."""
    if not entry.hub:
        return urls.fetch(entry)
    # The file beside the weights, which the loader reads too.
    where = entry.hub, entry.revision
    config = hub.fetch(*where, hub.CONFIG, entry.name)
    repositories.check_architecture(config, entry)
    path = hub.fetch(*where, hub.WEIGHTS, entry.name)
    hub.verify(path, *where, entry.sha256, entry.name)
    return path


def _local(file: str | os.PathLike[str], entry: Entry) -> pathlib.Path:
    """Returns the path of a file that was downloaded before."""
    path = pathlib.Path(os.fsdecode(file))
    # The loader has the errors for other paths.
    if path.is_file():
        config = path.with_name(hub.CONFIG)
        if entry.architecture and config.is_file():
            repositories.check_architecture(config, entry)
        if entry.sha256 is not None:
            hashes.check(path, entry.sha256, entry.name)
        elif entry.url:
            urls.verify(path, entry)
    return path
