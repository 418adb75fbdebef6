"""The weights that `weights="imagenet"` means."""

from collections.abc import Mapping
from typing import Any, Protocol

from keras_attn.applications.pretrained.entries import Entry, table

NAME = "imagenet"

# One choice per network, which does not change. The first one that fits the
# arguments of a function is used.
PINNED = (
    "torchvision/ResNet18_Weights.IMAGENET1K_V1",
    "torchvision/ResNet34_Weights.IMAGENET1K_V1",
    "torchvision/ResNet50_Weights.IMAGENET1K_V2",
    "torchvision/ResNet101_Weights.IMAGENET1K_V2",
    "torchvision/ResNet152_Weights.IMAGENET1K_V2",
    "timm/seresnet50.a1_in1k",
    "timm/ecaresnet50d.miil_in1k",
    "timm/ecaresnet101d.miil_in1k",
    "timm/skresnet18.ra_in1k",
    "timm/skresnet34.ra_in1k",
    "timm/resnest50d.in1k",
    "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k",
    "timm/vit_small_patch16_224.augreg_in21k_ft_in1k",
    "timm/vit_base_patch16_224.augreg2_in21k_ft_in1k",
    "timm/vit_base_patch32_224.augreg_in21k_ft_in1k",
    "timm/vit_large_patch16_224.augreg_in21k_ft_in1k",
)


class _Constructor(Protocol):
    @property
    def name(self) -> str: ...

    def contradictions(
        self, given: Mapping[str, Any], entry: Entry
    ) -> dict[str, tuple[Any, Any]]: ...


def choose(constructor: _Constructor, given: Mapping[str, Any]) -> Entry:
    """Returns the weights for a form of a network.

    Args:
        constructor: The function that creates the network.
        given: All its arguments.

    Raises:
        ValueError: If there are none.
    """
    entries = _of(constructor.name)
    for entry in entries:
        if not constructor.contradictions(given, entry):
            return entry
    forms = "\n  ".join(_described(entry) for entry in entries)
    raise ValueError(
        f"`weights={NAME!r}` must be combined with a form of "
        f"`{constructor.name}` that has such weights. Received: another form. "
        "`from_pretrained` sets the arguments of these:"
        f"\n  {forms or 'none'}\n`keras_attn.applications.pretrained()` lists "
        "more names"
    )


def hint(function: str) -> str:
    """Returns which names a function takes, for error messages."""
    names = [entry.name for entry in _of(function)]
    example = f", such as {names[0]!r}" if names else ""
    return f"a name of `keras_attn.applications.pretrained()`{example}"


def _of(function: str) -> list[Entry]:
    found = (table().get(name) for name in PINNED)
    return [e for e in found if e and e.function == function and not e.missing]


def _described(entry: Entry) -> str:
    arguments = ", ".join(f"{n}={v!r}" for n, v in entry.arguments.items())
    return f"{entry.name}: {arguments or 'default arguments'}"
