"""How the sizes of a model, which are one function, get their names."""


def sized(name, text, /, **facts):
    """Returns a decorator that gives a function its name and docstring.

    Args:
        name: Of the function.
        text: Docstring of all sizes, with `{function}` for the name.
        **facts: What else stands in braces there.
    """

    def decorate(function):
        function.__name__ = function.__qualname__ = name
        function.__doc__ = text.format(function=name, **facts)
        return function

    return decorate
