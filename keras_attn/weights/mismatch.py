"""Error messages for checkpoints that do not fit."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import keras

from keras_attn.weights.layouts import Shape
from keras_attn.weights.names import Slot, describe
from keras_attn.weights.shown import quoted

# Number of problems of one kind that an error shows. For another network
# hundreds of names do not fit, and the first ones show which part differs.
_SHOWN = 8
# Words in the names of layers that may be added to a trained network: it
# works without an attention block, and a classifier can be retrained.
_NEW = ("attention", "classifier")
# Words in the names of layers with one output per class.
_OF_CLASSES = ("classifier", "logits")


@dataclass(frozen=True)
class Mismatch:
    """The ways in which a checkpoint does not fit a target.

    Args:
        slots: All slots that the target needs, by name.
        missing: Names that the checkpoint does not have.
        unexpected: Names that the target does not know.
        problems: Descriptions of problems with arrays, by name.
        shapes: Shapes found and expected of arrays where they differ.
    """

    slots: Mapping[str, Slot]
    missing: Collection[str]
    unexpected: Collection[str]
    problems: Mapping[str, str]
    shapes: Mapping[str, tuple[Shape, Shape]]

    def message(self, target: keras.layers.Layer, lenient: str) -> str:
        """Returns the error message.

        Args:
            target: The layer or model to load into.
            lenient: Advice on how to leave weights unchanged.
        """
        lines = []
        if self.missing:
            lines.append(f"missing: {_listed(self.missing)}")
        if self.unexpected:
            lines.append(f"unexpected: {_listed(self.unexpected)}")
        lines += _few([f"{n!r}: {text}" for n, text in self.problems.items()])
        received = "".join(f"\n  {line}" for line in lines) or " no arrays"
        return (
            f"The arrays must fit the weights of {describe(target)}. "
            f"Received:{received}\nNothing was loaded."
            f"{self._advice(target, lenient)}"
        )

    def _advice(self, target: keras.layers.Layer, lenient: str) -> str:
        """Returns advice on what to do, or an empty string."""
        if not isinstance(target, keras.Model):
            return ""
        if classes := self.classes():
            theirs, ours = classes
            new = ""
            if not (self.missing or self.unexpected):
                new = (
                    f" To keep the initial values of the classifier, {lenient}."
                )
            return (
                f" The checkpoint has {theirs} classes and the model {ours}. "
                f"Build the model with `classes={theirs}`, or with "
                f"`include_top=False` and your own classifier.{new}"
            )
        if self.unexpected or self.problems or not self._is_new():
            return ""
        top = ""
        if all("classifier" in self._layer(name) for name in self.missing):
            top = (
                " The checkpoint has no classifier. Build the model with "
                "`include_top=False`."
            )
        return (
            f"{top} To keep the initial values of {_listed(self.missing, 1)}, "
            f"{lenient}."
        )

    def classes(self) -> tuple[int, int] | None:
        """Returns both numbers of classes, if no other shape differs."""
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

    def classifier(self) -> tuple[str, ...]:
        """Returns the missing names if the whole classifier is missing."""
        layers = {self._layer(name) for name in self.missing}
        is_whole = all(
            any(word in layer for word in _OF_CLASSES) for layer in layers
        )
        return tuple(self.missing) if is_whole and self._is_new() else ()

    def _is_new(self) -> bool:
        """Returns whether only whole layers that may be new are missing."""
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
    """Returns the first texts, and the number of further ones."""
    more = len(texts) - shown
    return texts[:shown] + [f"and {more} more"] * (more > 0)
