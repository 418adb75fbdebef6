"""Finds published weights by name."""

import difflib
import os
import re
from collections.abc import Collection, Iterator
from typing import Any

from keras_attn.applications.pretrained.entries import Entry, table
from keras_attn.weights.files import SUFFIXES
from keras_attn.weights.shown import quoted

HUB = "hf://"
_FORMS = (
    "'timm/<architecture>.<tag>', 'torchvision/<enum>.<entry>' or "
    "'hf://<user>/<repository>[@<revision>]'"
)
_PREFIXES = ("timm/", "torchvision/", HUB)
# Part of a repository's id or a revision, as the Hub allows them. A revision
# with "/" is a branch of a pull request, such as "refs/pr/1".
_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_REVISION = re.compile(r"[\w-][\w./-]*")
# Most similar names in an error, and fewest letters to find inside of a name.
_NEAR, _LEAST = 4, 4


def is_name(weights: Any) -> bool:
    """Returns whether `weights` is a name, and not a file or `None`.

    Only the spelling decides, so that a call has the same meaning in every
    folder. A name does not end in the suffix of a weights file.
    """
    return isinstance(weights, str) and not weights.lower().endswith(
        (*SUFFIXES, ".h5", ".keras")
    )


def split_hub(name: str) -> tuple[str, str | None]:
    """Returns the repository and the revision in a name with `hf://`."""
    repository, at, revision = name.removeprefix(HUB).partition("@")
    wrong = not _REPOSITORY.fullmatch(repository)
    if wrong or (at and not _REVISION.fullmatch(revision)):
        raise ValueError(
            "A name on the Hugging Face Hub must be "
            f"'hf://<user>/<repository>[@<revision>]'. Received: {quoted(name)}"
        )
    return repository, revision or None


def on_hub(repository: str) -> list[Entry]:
    """Returns the entries of the tables whose file is in a repository."""
    return [each for each in table().values() if each.hub == repository]


def find(name: str) -> Entry:
    """Returns the entry for a name of timm or torchvision.

    Raises:
        ValueError: If there is no such name, or if this package cannot build
            the network.
    """
    if name not in table():
        raise ValueError(_unknown(name))
    return buildable(table()[name])


def buildable(entry: Entry) -> Entry:
    """Returns the entry, or raises if this package lacks the network."""
    if entry.missing:
        raise ValueError(
            "The network of the weights must be one that this package can "
            f"build. Received: {quoted(entry.name)}, which needs "
            f"{entry.missing}. `keras_attn.applications.pretrained()` lists "
            "all names that can be loaded"
        )
    return entry


def _unknown(name: str) -> str:
    """Returns the error message for an unknown name."""
    message = (
        f"The name of published weights must be {_FORMS}. "
        f"Received: {quoted(name)}. "
    )
    if os.path.exists(name):
        return (
            f"{message}A file must end in one of "
            f"{', '.join((*SUFFIXES, '.h5', '.keras'))}"
        )
    near = list(_near(name, table()))
    if near:
        message += f"Similar names: {', '.join(map(repr, near))}. "
    return (
        f"{message}`keras_attn.applications.pretrained('*part*')` lists names"
    )


def _near(name: str, known: Collection[str]) -> Iterator[str]:
    """Returns similar names: tags of an architecture, or close spellings."""
    bare = name.lower()
    for prefix in _PREFIXES:
        bare = bare.removeprefix(prefix)
    bare = bare.strip(". ")
    names = {each.partition("/")[2].lower(): each for each in known}
    found = [each for each in names if bare and each.startswith(bare)]
    if not found and len(bare) >= _LEAST:
        found = [each for each in names if bare in each]
    if not found and "." in bare:
        # The architecture may be right, and the tag wrong.
        start = bare.partition(".")[0]
        same = [each for each in names if each.startswith(f"{start}.")]
        found = difflib.get_close_matches(bare, same, _NEAR, 0)
    if not found:
        found = difflib.get_close_matches(bare, names, _NEAR)
    # Exact architectures before longer names that begin in the same way.
    found.sort(key=lambda each: not each.startswith(f"{bare}."))
    return (names[each] for each in found[:_NEAR])
