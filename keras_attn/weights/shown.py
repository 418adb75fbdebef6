"""Makes text from files and other packages safe to show in messages."""

import re

# Enough to recognise a name; a file may hold names of a megabyte.
_NAME = 100
_REASON = 400
# Ends of sentences. Advice to read a file less safely is not passed on.
_SENTENCES = re.compile(r"(?<=[.!?])\s+|[\r\n]+")
_UNSAFE = re.compile(
    r"weights_only|allow_pickle|safe_mode|unsafe_deser|safe_globals|\btrust",
    re.IGNORECASE,
)


def quoted(value: object) -> str:
    """Returns the `repr` of a value, shortened in the middle if long."""
    return _shortened(repr(value), _NAME)


def plain(name: str) -> str:
    """Returns a name, shortened if long and escaped if not printable."""
    return _shortened(name if name.isprintable() else repr(name), _NAME)


def reason(error: BaseException) -> str:
    """Returns the class and the text of another package's error.

    Sentences with advice to read a file less safely are left out.
    """
    # Shorten before the search too, since the text may quote a file.
    text = _shortened(str(error), 10 * _REASON)
    kept = [s for s in _SENTENCES.split(text) if not _UNSAFE.search(s)]
    text = _shortened(" ".join(" ".join(kept).split()), _REASON)
    return f"{type(error).__name__}: {text}".rstrip(": ")


def is_unsafe_advice(error: BaseException) -> bool:
    """Returns whether an error advises to read a file less safely."""
    return _UNSAFE.search(str(error)) is not None


def _shortened(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = (most - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"
