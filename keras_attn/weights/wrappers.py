"""Finds the weights of a network inside a checkpoint."""

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keras_attn.weights.shown import quoted

# Keys of dictionaries around the weights, and prefixes of their names, as
# written by trainers, `DataParallel`, `torch.compile`, MoCo, DINO and weight
# averaging. If several fit equally well, the first one is used.
WRAPPERS = (
    "state_dict",
    "model",
    "model_state_dict",
    "net",
    "module",
    "_orig_mod",
    "backbone",
    "encoder_q",
    "teacher",
    "student",
    "model_ema",
    "state_dict_ema",
)
# Limits against crafted checkpoints; real ones are below them.
_DEPTH = 5
_CANDIDATES = 50
_SHOWN = 8


@dataclass(frozen=True)
class Found:
    """Weights in a checkpoint.

    Args:
        weights: Mapping from names, without prefixes, to arrays.
        where: Keys and prefixes that lead to the weights.
        beside: Names in the same dictionary without the prefix.
        others: Alternative keys and prefixes that fit equally well.
    """

    weights: Mapping[str, Any]
    where: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    others: tuple[tuple[str, ...], ...] = ()


def find_weights(
    checkpoint: Mapping[Any, Any],
    fit: Callable[[Collection[str]], int],
    key: str | None = None,
) -> Found:
    """Returns the weights whose names fit a network best.

    Args:
        checkpoint: The contents of a file.
        fit: Takes names and returns how many of them the network has.
        key: Key or prefix to look under, or `None` for all known ones.

    Raises:
        ValueError: If nothing is under the key, or if there are no names.
    """
    if not isinstance(key, str | None):
        raise ValueError(f"`key` must be a string or None. Received: {key!r}")
    words = WRAPPERS if key is None else (key, *WRAPPERS)
    candidates = itertools.islice(
        _candidates(checkpoint, words, ()), _CANDIDATES
    )
    found = [each for each in candidates if key is None or key in each.where]
    if not found:
        if key is None:
            raise ValueError(
                "A checkpoint must map names to arrays. Received: the keys "
                f"{_keys(checkpoint)}"
            )
        raise ValueError(
            "`key` must be a key of the checkpoint, or a prefix of its names "
            f"that ends before a dot. Received: key={key!r}. The checkpoint "
            f"has {_keys(checkpoint)}"
        )
    shared = [fit(each.weights.keys()) for each in found]
    most = max(shared)
    best = found[shared.index(most)] if most else max(found, key=_size)
    others = [
        each.where
        for each, count in zip(found, shared, strict=True)
        if most and count == most and each is not best
    ]
    return Found(best.weights, best.where, best.beside, tuple(others))


def _candidates(
    held: Mapping[Any, Any], words: tuple[str, ...], where: tuple[str, ...]
) -> Iterator[Found]:
    """Yields all candidates for the weights, the least nested first."""
    if all(isinstance(name, str) for name in held):
        yield Found(held, where)
    if len(where) == _DEPTH:
        return
    for word in dict.fromkeys(words):
        path = *where, word
        inner = held.get(word)
        if isinstance(inner, Mapping):
            yield from _candidates(inner, words, path)
            continue
        start = f"{word}."
        under = {
            name[len(start) :]: value
            for name, value in held.items()
            if isinstance(name, str) and name.startswith(start)
        }
        if under:
            beside = tuple(
                str(name) for name in held if not str(name).startswith(start)
            )
            for each in _candidates(under, words, path):
                # Names beside a dictionary, such as `epoch`, are not reported.
                yield Found(each.weights, each.where, each.beside + beside)


def _size(found: Found) -> tuple[int, int]:
    """Sort key if no names fit: number of arrays, then depth."""
    arrays = sum(hasattr(v, "shape") for v in found.weights.values())
    return arrays, len(found.where)


def _keys(checkpoint: Mapping[Any, Any]) -> str:
    """Returns the first words of some names, for error messages."""
    words = dict.fromkeys(
        name.split(".")[0] if isinstance(name, str) else name
        for name in checkpoint
    )
    shown = [quoted(word) for word in words][:_SHOWN]
    more = len(words) - len(shown)
    return ", ".join(shown + [f"and {more} more"] * (more > 0)) or "none"
