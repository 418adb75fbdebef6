"""Compares the arguments of two networks."""

from collections.abc import Callable, Mapping
from typing import Any

from keras_attn.applications.pretrained.entries import plain


def is_free(name: str) -> bool:
    """Returns whether an argument is independent of what was trained."""
    return name == "seed" or name.endswith("dropout")


def different(
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    form: Callable[[Mapping[str, Any]], Mapping[str, Any]],
) -> dict[str, tuple[Any, Any]]:
    """Returns both values of each argument that differs.

    Args:
        ours: Arguments by name.
        theirs: Arguments with the same names.
        form: Returns what arguments mean. Arguments that it leaves out are
            not compared.
    """
    if ours == theirs:
        return {}
    meant = [
        {name: plain(value) for name, value in form(each).items()}
        for each in (ours, theirs)
    ]
    return {
        name: (
            _shown(ours.get(name), meant[0][name]),
            _shown(theirs.get(name), meant[1][name]),
        )
        for name in meant[0]
        if not is_free(name) and meant[0][name] != meant[1].get(name)
    }


def _shown(given: Any, meant: Any) -> Any:
    """Returns the argument as given, or its meaning if it is `None`."""
    return meant if given is None else given
