"""Text from a file or from another package, as a message may show it."""

import re

# Enough to recognise a name; a file may hold one of a megabyte.
_NAME = 100
_REASON = 400
# Where sentences end. Advice to read a file less safely is no advice of ours.
_SENTENCES = re.compile(r"(?<=[.!?])\s+|[\r\n]+")
_UNSAFE = re.compile(
    r"weights_only|allow_pickle|safe_mode|unsafe_deser|safe_globals|\btrust",
    re.IGNORECASE,
)


def quoted(value: object) -> str:
    """Returns the `repr` of a value, and of a long one both ends."""
    return _shortened(repr(value), _NAME)


def plain(name: str) -> str:
    """Returns a name as it is, unless it is long or cannot be printed."""
    return _shortened(name if name.isprintable() else repr(name), _NAME)


def reason(error: BaseException) -> str:
    """Returns the class and the text of an error of another package.

    Left out are sentences that advise to read a file less safely.
    """
    # A bound before the search too: the text may repeat what is in a file.
    text = _shortened(str(error), 10 * _REASON)
    kept = [s for s in _SENTENCES.split(text) if not _UNSAFE.search(s)]
    text = _shortened(" ".join(" ".join(kept).split()), _REASON)
    return f"{type(error).__name__}: {text}".rstrip(": ")


def is_unsafe_advice(error: BaseException) -> bool:
    """Whether `reason` leaves something out, which a traceback would show."""
    return _UNSAFE.search(str(error)) is not None


def _shortened(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = (most - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"
