"""Slots for attention blocks in a network of stages."""

from typing import Any

import keras

from keras_attn import checks
from keras_attn.layers.registry import (
    PLACEMENTS,
    arguments_of_stage,
    get,
    placement_of,
)


class Slots:
    """Inserts attention blocks into a network.

    Args:
        attention: Anything that `keras_attn.layers.get` accepts, a list with
            one entry per stage, or `None`.
        placement: One of `PLACEMENTS`, or `None` for that of the paper.
        stages: Integer, the number of stages.
    """

    def __init__(self, attention: Any, placement: str | None, stages: int):
        checks.one_of("placement", placement, (None, *PLACEMENTS))
        if placement is not None and attention is None:
            raise ValueError(
                "`placement` must be combined with `attention`. "
                f"Received: placement={placement!r}, attention=None"
            )
        if isinstance(attention, (list, tuple)) and len(attention) != stages:
            raise ValueError(
                "`attention` must be a single block, or a list with one entry "
                f"for each of the {stages} stages. "
                f"Received: attention={attention!r}"
            )
        self.attention = attention
        self.placement = placement
        self.stages = stages
        if attention is not None and placement is None:
            self.placement = placement_of(self._make(1, "example"))
        if self.placement == "shared":
            self._check_state()
        if self.placement == "replace":
            self._check_convolutions(stages)
        self._shared: Any = None
        self._state: Any = None

    def described(self) -> list[Any] | None:
        """Returns the class and the config of the layer of each stage.

        Two spellings of the same attention have the same description.
        """
        if self.attention is None:
            return None
        stages = range(1, self.stages + 1)
        layers = [self._make(i, "example") for i in stages]
        return [(type(each), each.get_config()) for each in layers]

    def _check_state(self) -> None:
        layer = self._make(1, "example")
        if not hasattr(layer, "return_state"):
            raise ValueError(
                "`placement='shared'` requires a layer with a state, which "
                "takes `return_state` and `initial_state` as `DIA` does. "
                f"Received: attention={self.attention!r}"
            )

    def _check_convolutions(self, stages: int) -> None:
        layers = [self._make(i, "example") for i in range(1, stages + 1)]
        needed = ("filters", "strides", "groups")
        if not all(hasattr(layer, x) for layer in layers for x in needed):
            raise ValueError(
                "`placement='replace'` requires layers that take `filters`, "
                "`strides` and `groups`, as `SelectiveKernel` does. "
                f"Received: attention={self.attention!r}"
            )

    def _make(self, stage: int, name: str, **kwargs: Any) -> keras.layers.Layer:
        """Returns a new layer for a stage."""
        attention = self.attention
        if isinstance(attention, (list, tuple)):
            attention = attention[stage - 1]
        kwargs = {**arguments_of_stage(attention, stage), **kwargs}
        return get(attention, name=name, **kwargs)

    def before_convolution(self, x: Any, stage: int, name: str) -> Any:
        """Applies attention before a convolution, if it is placed there."""
        if self.placement != "convolution":
            return x
        return self._make(stage, f"{name}_attention")(x)

    def replace(
        self,
        x: Any,
        stage: int,
        name: str,
        filters: int,
        strides: int,
        groups: int = 1,
    ) -> Any:
        """Applies attention instead of a 3x3 convolution of a branch.

        Returns `None` if it is placed elsewhere.
        """
        if self.placement != "replace":
            return None
        sizes = {"filters": filters, "strides": strides, "groups": groups}
        return self._make(stage, f"{name}_attention", **sizes)(x)

    def start_stage(self, stage: int) -> None:
        """Creates the shared layer of a stage, still without a state."""
        if self.placement == "shared":
            name = f"stage{stage}_attention"
            self._shared = self._make(stage, name, return_state=True)
        self._state = None

    def end_branch(self, x: Any, stage: int, name: str, last: bool) -> Any:
        """Applies attention at the end of a branch, if it is placed there."""
        if self.placement == "shared":
            x, *self._state = self._shared(x, initial_state=self._state)
        elif self.placement == "block" or (self.placement == "last" and last):
            x = self._make(stage, f"{name}_attention")(x)
        return x
