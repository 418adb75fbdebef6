"""Downloads torchvision's files."""

import os
import pathlib
import re

import keras

from keras_attn.applications.pretrained import hashes
from keras_attn.applications.pretrained.entries import Entry
from keras_attn.weights.shown import reason

# Such as "resnet50-0676ba61.pth": the first digits of the file's SHA-256.
_DIGITS = re.compile(r"-([0-9a-f]{8})\.\w+$")


def fetch(entry: Entry) -> pathlib.Path:
    """Returns the path of a verified file, which is downloaded if needed.

    It is in Keras' own cache, `~/.keras/models` or that in `KERAS_HOME`.

    Raises:
        ValueError: If the file does not have the hash in its name.
        ConnectionError: If the file cannot be downloaded.
    """
    try:
        path = keras.utils.get_file(
            os.path.basename(entry.url), entry.url, cache_subdir="models"
        )
    # Keras raises plain exceptions for all problems with a download.
    except Exception as error:
        raise ConnectionError(
            f"The file {entry.url!r} must be reachable, since it is not in the "
            f"cache. Received: {entry.name!r}, which failed with "
            f"{reason(error)}. Check the network and the proxy, or download "
            "the file elsewhere and pass its path: "
            "`from_pretrained(name, weights=path)`"
        ) from error
    verify(pathlib.Path(path), entry)
    return pathlib.Path(path)


def verify(path: pathlib.Path, entry: Entry) -> None:
    """Raises an error if a file does not have the hash in its address."""
    digits = _DIGITS.search(entry.url)
    hashes.check(path, digits[1] if digits else "", entry.name)
