"""Names and docstrings for the sizes of a model."""

from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def sized(
    name: str, text: str, /, **facts: Any
) -> Callable[[Function], Function]:
    """Returns a decorator that gives a function its name and docstring.

    Args:
        name: Name of the function.
        text: Docstring of all sizes, with `{function}` for the name.
        **facts: Values for the other fields in braces.
    """

    def decorate(function: Function) -> Function:
        function.__name__ = function.__qualname__ = name
        function.__doc__ = text.format(function=name, **facts)
        return function

    return decorate
