"""How the sizes of a model, which are one function, get their names."""

from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def sized(
    name: str, text: str, /, **facts: Any
) -> Callable[[Function], Function]:
    """Returns a decorator that gives a function its name and docstring.

    Args:
        name: Of the function.
        text: Docstring of all sizes, with `{function}` for the name.
        **facts: What else stands in braces there.
    """

    def decorate(function: Function) -> Function:
        function.__name__ = function.__qualname__ = name
        function.__doc__ = text.format(function=name, **facts)
        return function

    return decorate
