"""The entries of the tables of published weights."""

import dataclasses
import functools
import json
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

# Licences that forbid commercial use, in the spellings of the Hugging Face Hub.
_NON_COMMERCIAL = re.compile(r"(^|-)nc(-|$)|non-?commercial|amlr")


@dataclasses.dataclass(frozen=True)
class Entry:
    """Published weights, and the network that they belong to.

    Args:
        name: Name for `from_pretrained`, such as
            `"timm/ecaresnet50d.miil_in1k"`.
        function: Name of the function that creates the network.
        classes: Number of classes, 0 if there is no classifier.
        size: Height and width of an image.
        parameters: Number of parameters.
        license: Licence of the weights, or `""` if none is stated.
        arguments: Arguments of the function, by name.
        mean: Mean of each colour, in [0, 1].
        std: Standard deviation of each colour, in [0, 1].
        interpolation: `"bilinear"` or `"bicubic"`.
        crop: Side of the image divided by the shorter side before the crop.
        resize: Shorter side before the crop, or `None` to compute it from
            `crop`.
        crop_mode: `"center"`, or `"squash"` to change the aspect ratio.
        architecture: Name in timm, or `""`.
        hub: Repository on the Hugging Face Hub, or `""`.
        revision: Revision in that repository, or `None` for the latest one.
        sha256: SHA-256 of the file, or `None` if it is not known.
        url: Address of the file if it is not on the Hub, or `""`.
        missing: What this package lacks to build the network, or `""`.
    """

    name: str
    function: str
    classes: int
    size: tuple[int, int]
    parameters: int
    license: str
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    interpolation: str = "bicubic"
    crop: float = 1.0
    resize: int | None = None
    crop_mode: str = "center"
    architecture: str = ""
    hub: str = ""
    revision: str | None = None
    sha256: str | None = None
    url: str = ""
    missing: str = ""

    @property
    def is_non_commercial(self) -> bool:
        """Whether the licence forbids commercial use."""
        return _NON_COMMERCIAL.search(self.license.lower()) is not None


@functools.cache
def table() -> Mapping[str, Entry]:
    """Returns all entries by name, in the order of the tables."""
    entries = [*_of_timm(read("timm")), *_of_torchvision(read("torchvision"))]
    return {entry.name: entry for entry in entries}


def read(name: str) -> Mapping[str, Any]:
    """Returns the contents of a table."""
    folder = resources.files("keras_attn.applications.pretrained")
    return json.loads((folder / f"{name}.json").read_text("utf-8"))


def plain(value: Any) -> Any:
    """Returns a value with tuples instead of lists, as in Python calls."""
    if isinstance(value, list | tuple):
        return tuple(plain(each) for each in value)
    return value


def _of_timm(architectures: Mapping[str, Any]) -> Iterator[Entry]:
    for architecture, network in architectures.items():
        for tag, facts in network["tags"].items():
            name = f"timm/{architecture}.{tag}"
            hub = facts.get("hub", name)
            missing = network.get("missing", "")
            if not hub and not missing:
                missing = "a file on the Hugging Face Hub"
            yield Entry(
                name=name,
                architecture=architecture,
                hub=hub or "",
                revision=facts.get("revision"),
                sha256=facts.get("sha256"),
                crop=facts["crop"],
                crop_mode=facts.get("crop_mode", "center"),
                missing=missing,
                **_shared(network, facts),
            )


def _of_torchvision(entries: Mapping[str, Any]) -> Iterator[Entry]:
    for name, facts in entries.items():
        yield Entry(
            name=f"torchvision/{name}",
            url=facts["url"],
            resize=facts["resize"],
            missing=facts.get("missing", ""),
            **_shared(facts, facts),
        )


def _shared(
    network: Mapping[str, Any], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the fields that both tables have."""
    arguments = network.get("arguments", {})
    return {
        "function": network.get("function", ""),
        "arguments": {name: plain(each) for name, each in arguments.items()},
        "classes": facts["classes"],
        "size": tuple(facts["size"]),
        "parameters": facts.get("parameters", 0),
        "license": facts.get("license") or "",
        "mean": tuple(facts["mean"]),
        "std": tuple(facts["std"]),
        "interpolation": facts["interpolation"],
    }
