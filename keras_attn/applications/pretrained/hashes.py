"""Checks downloaded files against their published hashes."""

import hashlib
import os
import re

from keras_attn.applications.common.warnings import warn

_HEX = re.compile(r"[0-9a-f]+")
# Digits of a SHA-256: all for the Hub's large files, and the first ones in the
# names of torchvision's files. The Hub identifies small files by 40 digits of
# Git. Other servers may state something else, such as an MD5.
_SHA256, _GIT, _START = 64, 40, 8


def check(path: os.PathLike[str], expected: str, name: str) -> None:
    """Raises an error if a file does not have its published hash.

    The file stays where it is, so that it can be inspected. Downloaded files
    are checked at each load, since clients do not notice damage in their cache.

    Args:
        path: The file.
        expected: The 64 or the first 8 digits of its SHA-256, or the 40 digits
            of its SHA-1 as Git computes it. Anything else only causes a
            warning.
        name: Name of the weights.

    Raises:
        ValueError: If the hash differs.
    """
    expected = expected.lower()
    known = len(expected) in (_SHA256, _GIT, _START)
    if not (known and _HEX.fullmatch(expected)):
        warn(
            f"The file of {name!r} could not be verified, because its "
            "published hash is not known. A damaged file may load without an "
            f"error: {os.fspath(path)!r}"
        )
        return
    with open(path, "rb") as file:
        if len(expected) == _GIT:
            size = os.fstat(file.fileno()).st_size
            digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
            while block := file.read(2**20):
                digest.update(block)
            kind, found = "SHA-1 of Git", digest.hexdigest()
        else:
            kind = "SHA-256"
            found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(expected):
        real = os.path.realpath(path)
        raise ValueError(
            f"The file of {name!r} must have the {kind} {expected!r}. "
            f"Received: {real!r} with {found!r}, so it is damaged or has been "
            "changed. Nothing was loaded. Delete the file to download it again"
        )
