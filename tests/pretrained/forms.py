"""What the translations of all networks share."""

from typing import Any

Arguments = dict[str, Any]


class Missing(Exception):
    """A form that our functions do not have."""


def expect(arguments, name, allowed, form):
    """Removes an argument, which must have one of some values."""
    if arguments.pop(name, allowed[0]) not in allowed:
        raise Missing(form)


def name_of(value):
    """Returns the name of a class, also of a partial one, or a string."""
    value = getattr(value, "func", value)
    return value if isinstance(value, str) else getattr(value, "__name__", "")


def different(found: Arguments, defaults: Arguments) -> Arguments:
    """Returns the arguments that differ from the defaults of our function."""
    return {k: v for k, v in found.items() if v != defaults.get(k, "\0")}


def activation_of(arguments, default):
    """Removes `act_layer`, and returns our name of it."""
    names = {
        **{"GELU": "gelu", "SiLU": "silu", "ReLU": "relu"},
        **{name: name for name in ("gelu", "gelu_tanh", "quick_gelu", "silu")},
    }
    layer = arguments.pop("act_layer", None)
    if layer is None:
        return default
    if name_of(layer) not in names:
        raise Missing(f"the activation `{name_of(layer)}`")
    return names[name_of(layer)]
