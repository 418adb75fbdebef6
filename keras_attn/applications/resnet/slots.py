"""Where attention goes in a network of stages, and which."""

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
    """Where attention goes in a network, and which.

    Args:
        attention: What `keras_attn.layers.get` takes, a list of these by
            stage, or `None`.
        placement: One of `PLACEMENTS`, or `None` for the paper's.
        stages: Integer, how many stages there are.
    """

    def __init__(self, attention: Any, placement: str | None, stages: int):
        checks.one_of("placement", placement, (None, *PLACEMENTS))
        if placement is not None and attention is None:
            raise ValueError(
                "`placement` says where `attention` goes: pass this too. "
                f"Received: placement={placement!r}, attention=None"
            )
        if isinstance(attention, (list, tuple)) and len(attention) != stages:
            raise ValueError(
                f"A list of `attention` has one entry for each of the {stages} "
                f"stages. Received: attention={attention!r}"
            )
        self.attention = attention
        self.placement = placement
        if attention is not None and placement is None:
            self.placement = placement_of(self._make(1, "example"))
        if self.placement == "shared":
            self._check_state()
        self._shared: Any = None
        self._state: Any = None

    def _check_state(self) -> None:
        layer = self._make(1, "example")
        if not hasattr(layer, "return_state"):
            raise ValueError(
                "`placement='shared'` is for layers with a state, which take "
                "`return_state` and `initial_state` as `DIA` does. "
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
        """Returns the input of a convolution, attended to if that is wanted."""
        if self.placement != "convolution":
            return x
        return self._make(stage, f"{name}_attention")(x)

    def start_stage(self, stage: int) -> None:
        """Makes the layer that a stage shares, without a state yet."""
        if self.placement == "shared":
            name = f"stage{stage}_attention"
            self._shared = self._make(stage, name, return_state=True)
        self._state = None

    def end_branch(self, x: Any, stage: int, name: str, last: bool) -> Any:
        """Returns the end of a branch, attended to if that is wanted."""
        if self.placement == "shared":
            x, *self._state = self._shared(x, initial_state=self._state)
        elif self.placement == "block" or (self.placement == "last" and last):
            x = self._make(stage, f"{name}_attention")(x)
        return x
