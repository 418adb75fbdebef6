"""Lets the functions that create networks take weights by name."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import keras

from keras_attn.applications.common import arguments
from keras_attn.applications.pretrained import imagenet
from keras_attn.applications.pretrained.creating import create
from keras_attn.applications.pretrained.differences import different
from keras_attn.applications.pretrained.entries import Entry
from keras_attn.applications.pretrained.names import is_name
from keras_attn.applications.pretrained.repositories import resolve
from keras_attn.weights.shown import quoted

Form = Callable[[Mapping[str, Any]], Mapping[str, Any]]
Function = TypeVar("Function", bound=Callable[..., keras.Model])


@dataclasses.dataclass(frozen=True)
class Constructor:
    """A function that creates networks, such as `ViT`.

    Attributes:
        name: Its name in the tables.
        function: The function, which only takes weights from files.
        form: Returns what the arguments of a form mean, so that two spellings
            of one network are equal.
    """

    name: str
    function: Callable[..., keras.Model]
    form: Form

    def form_arguments(self) -> dict[str, Any]:
        """Returns the arguments that determine the form, and their defaults."""
        return {
            name: parameter.default
            for name, parameter in inspect.signature(
                self.function
            ).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY
        }

    def bind(self, args: tuple, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the given arguments by name."""
        bound = inspect.signature(self.function).bind(*args, **kwargs)
        return dict(bound.arguments)

    def contradictions(
        self, given: Mapping[str, Any], entry: Entry
    ) -> dict[str, tuple[Any, Any]]:
        """Returns arguments that contradict an entry, with both values.

        Args:
            given: All arguments of the form to compare.
            entry: The weights.
        """
        defaults = self.form_arguments()
        theirs = {**defaults, **entry.arguments}
        ours = {**theirs, **{n: given[n] for n in given if n in defaults}}
        return different(ours, theirs, self.form)

    def check(self, given: Mapping[str, Any], entry: Entry, fix: str) -> None:
        """Raises an error if arguments contradict the weights.

        Args:
            given: The arguments to compare.
            entry: The weights.
            fix: What to do.
        """
        if entry.function != self.name:
            raise ValueError(
                f"The weights for `{self.name}` must belong to such a network. "
                f"Received: {quoted(entry.name)}, which is a "
                f"`{entry.function}`"
            )
        found = self.contradictions(given, entry)
        if found:
            listed = ", ".join(
                f"{name}={ours!r} (the weights need {theirs!r})"
                for name, (ours, theirs) in found.items()
            )
            raise ValueError(
                "The arguments must describe the network of the weights "
                f"{quoted(entry.name)}. Received: {listed}. {fix}"
            )


CONSTRUCTORS: dict[str, Constructor] = {}


def takes_names(form: Form = dict) -> Callable[[Function], Function]:
    """Returns a decorator for functions that create networks.

    The decorated function takes names as its `weights`. It compares its
    arguments with the network of the weights before it downloads or builds
    anything.

    Args:
        form: Takes all keyword-only arguments, and returns what they mean, with
            equal values for equal networks. Raises a `ValueError` if an
            argument is invalid.
    """

    def decorate(function: Function) -> Function:
        name = getattr(function, "__name__", "")
        constructor = Constructor(name, function, form)
        CONSTRUCTORS[name] = constructor

        @functools.wraps(function)
        def by_name(*args: Any, **kwargs: Any) -> keras.Model:
            given = constructor.bind(args, kwargs)
            weights = given.get("weights")
            if weights is None:
                return function(*args, **kwargs)
            if not is_name(weights):
                arguments.check_weights(weights, imagenet.hint(name))
                return function(*args, **kwargs)
            every = {**constructor.form_arguments(), **given}
            if weights == imagenet.NAME:
                entry = imagenet.choose(constructor, every)
            else:
                entry = resolve(weights)
                constructor.check(every, entry, _FIX)
            return create(function, entry, given)

        return by_name  # pyright: ignore[reportReturnType]

    return decorate


_FIX = (
    "Pass these values, or call `keras_attn.applications.from_pretrained`, "
    "which sets them"
)
