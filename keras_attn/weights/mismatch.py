"""Says why a checkpoint does not fit, and what to do where that is known."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import keras

from keras_attn.weights.layouts import Shape
from keras_attn.weights.names import Slot, describe
from keras_attn.weights.shown import quoted

# How much of a kind an error shows: with the checkpoint of another network
# hundreds of names do not fit, and the first ones say which part differs.
_SHOWN = 8
# Words in the names of layers that a trained network may be given anew: it
# works without a block of attention, and a classifier is trained anew.
_NEW = ("attention", "classifier")
# Likewise of layers with as many outputs as there are classes.
_OF_CLASSES = ("classifier", "logits")


@dataclass(frozen=True)
class Mismatch:
    """What does not fit.

    Args:
        slots: All that the target needs, by name.
        missing: Names of it that the checkpoint does not have.
        unexpected: Names that the target does not know.
        problems: What is wrong with arrays, by name.
        shapes: Of these, the shapes found and expected where they differ.
    """

    slots: Mapping[str, Slot]
    missing: Collection[str]
    unexpected: Collection[str]
    problems: Mapping[str, str]
    shapes: Mapping[str, tuple[Shape, Shape]]

    def message(self, target: keras.layers.Layer, lenient: str) -> str:
        """Returns the text of an error.

        Args:
            target: What should be loaded into.
            lenient: What to do to leave weights as they are.
        """
        lines = []
        if self.missing:
            lines.append(f"missing: {_listed(self.missing)}")
        if self.unexpected:
            lines.append(f"unexpected: {_listed(self.unexpected)}")
        lines += _few([f"{n!r}: {text}" for n, text in self.problems.items()])
        received = "".join(f"\n  {line}" for line in lines) or " no array"
        return (
            f"The arrays must fit the weights of {describe(target)}. "
            f"Received:{received}\nNothing was loaded."
            f"{self._advice(target, lenient)}"
        )

    def _advice(self, target: keras.layers.Layer, lenient: str) -> str:
        """Returns what to do, or nothing where that is not known."""
        if not isinstance(target, keras.Model):
            return ""
        if classes := self._classes():
            theirs, ours = classes
            return (
                f" The checkpoint has {theirs} classes and the model {ours}: "
                f"build the model with `classes={theirs}`, or with "
                "`include_top=False` and a classifier of your own."
            )
        if self.unexpected or self.problems or not self._is_new():
            return ""
        top = ""
        if all("classifier" in self._layer(name) for name in self.missing):
            top = (
                " The checkpoint has no classifier: build the model with "
                "`include_top=False`."
            )
        return f"{top} To leave {_listed(self.missing, 1)} as drawn, {lenient}."

    def _classes(self) -> tuple[int, int] | None:
        """Returns both numbers, if of all arrays only that differs."""
        pairs = {
            (found[0], expected[0])
            if found
            and found[1:] == expected[1:]
            and any(word in self._layer(name) for word in _OF_CLASSES)
            else None
            for name, (found, expected) in self.shapes.items()
        }
        if self.shapes.keys() < self.problems.keys() or len(pairs) != 1:
            return None
        return pairs.pop()

    def _is_new(self) -> bool:
        """Whether all that is missing is all of layers that may be new."""
        layers = {self._layer(name) for name in self.missing}
        there = {
            self._layer(name) for name in self.slots if name not in self.missing
        }
        return bool(there and layers) and all(
            any(word in layer for word in _NEW) and layer not in there
            for layer in layers
        )

    def _layer(self, name: str) -> str:
        return self.slots[name].path.split("/")[0]


def _listed(names: Iterable[str], shown: int = _SHOWN) -> str:
    return ", ".join(_few([quoted(name) for name in names], shown))


def _few(texts: list[str], shown: int = _SHOWN) -> list[str]:
    """Returns the first ones, and how many more there are."""
    more = len(texts) - shown
    return texts[:shown] + [f"and {more} more"] * (more > 0)
