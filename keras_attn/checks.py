"""Argument checks: each returns the argument or raises a `ValueError`.

The message states the rule, the received value and `fix`, if given. A boolean
does not count as a number. NumPy numbers are returned as Python numbers, so
that they can be saved in a configuration.
"""

import difflib
from collections.abc import Iterable
from math import inf
from numbers import Integral, Real
from typing import Any


def integer(
    name: str, value: Any, least: int, *, optional: bool = False, fix: str = ""
) -> Any:
    """Returns an argument that must be an integer of at least `least`.

    In this and all other checks, `optional` also allows `None`.
    """
    if optional and value is None:
        return None
    if not _is_integer(value, least):
        raise _error(name, value, _integers(least), optional, fix)
    return int(value)


def positive(
    name: str, value: Any, *, optional: bool = False, fix: str = ""
) -> Any:
    """Returns an argument that must be a positive integer."""
    return integer(name, value, 1, optional=optional, fix=fix)


def pair(
    name: str,
    value: Any,
    least: int = 1,
    *,
    optional: bool = False,
    fix: str = "",
) -> Any:
    """Returns an argument that must be one or two integers, as a pair."""
    if optional and value is None:
        return None
    sides = value if isinstance(value, (list, tuple)) else (value, value)
    if len(sides) != 2 or not all(_is_integer(side, least) for side in sides):
        rule = f"{_integers(least)} or a pair of them"
        raise _error(name, value, rule, optional, fix)
    return tuple(int(side) for side in sides)


def number(
    name: str,
    value: Any,
    *,
    above: float = -inf,
    least: float = -inf,
    below: float = inf,
    most: float = inf,
    optional: bool = False,
    fix: str = "",
) -> Any:
    """Returns an argument that must be a finite number within bounds."""
    if optional and value is None:
        return None
    # Infinity and NaN fail the first comparison.
    is_within = (
        _is_a(Real, value) and above < value < below and least <= value <= most
    )
    if not is_within:
        low = f"({above}" if least == -inf else f"[{least}"
        high = f"{below})" if most == inf else f"{most}]"
        rule = f"a number in {low}, {high}"
        raise _error(name, value, rule, optional, fix)
    return int(value) if isinstance(value, Integral) else float(value)


def share(
    name: str, value: Any, *, optional: bool = False, fix: str = ""
) -> Any:
    """Returns an argument that must be a number in [0, 1)."""
    return number(name, value, least=0, below=1, optional=optional, fix=fix)


def one_of(
    name: str, value: Any, allowed: Iterable[str | None], *, fix: str = ""
) -> Any:
    """Returns an argument that must be one of some strings, or `None`."""
    allowed = list(allowed)
    if isinstance(value, str | None) and value in allowed:
        return value
    known = {each.lower(): each for each in allowed if each is not None}
    near = difflib.get_close_matches(str(value).lower(), known, 1)
    meant = f"Did you mean {known[near[0]]!r}?" if near else ""
    rule = f"one of {', '.join(map(repr, allowed))}"
    raise _error(name, value, rule, False, f"{meant} {fix}".strip())


def _is_integer(value: Any, least: int) -> bool:
    return _is_a(Integral, value) and value >= least


def _is_a(kind: type, value: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _integers(least: int) -> str:
    if least == 1:
        return "a positive integer"
    return f"an integer of at least {least}"


def _error(
    name: str, value: Any, rule: str, optional: bool, fix: str
) -> ValueError:
    rule += " or None" if optional else ""
    message = f"`{name}` must be {rule}. Received: {name}={value!r}"
    return ValueError(f"{message}. {fix}" if fix else message)
