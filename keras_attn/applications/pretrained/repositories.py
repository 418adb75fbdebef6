"""Describes weights in a repository by its `config.json`."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from keras_attn import checks
from keras_attn.applications.pretrained import hub
from keras_attn.applications.pretrained.entries import Entry, table
from keras_attn.applications.pretrained.names import (
    HUB,
    buildable,
    find,
    on_hub,
    split_hub,
)
from keras_attn.weights.architecture import read_config
from keras_attn.weights.shown import quoted

# Arguments of timm's networks that do not change what is computed in inference,
# or that `config.json` states elsewhere too.
_HARMLESS = {
    "num_classes",
    "img_size",
    "drop_rate",
    "drop_path_rate",
    "proj_drop_rate",
    "attn_drop_rate",
    "pos_drop_rate",
    "patch_drop_rate",
    "dynamic_img_size",
}


def resolve(name: str) -> Entry:
    """Returns the entry for a name; unknown repositories are looked up.

    Raises:
        ValueError: If the name is unknown, or the network is not one of timm's
            that this package can build.
    """
    if not name.startswith(HUB):
        return find(name)
    repository, revision = split_hub(name)
    known = on_hub(repository)
    # Several networks share some of CLIP's files. `config.json` decides.
    if len(known) != 1:
        return described(name, repository, revision)
    entry = buildable(known[0])
    if revision is None or revision == entry.revision:
        return entry
    return dataclasses.replace(entry, name=name, revision=revision, sha256=None)


def described(name: str, repository: str, revision: str | None) -> Entry:
    """Returns the entry for a repository according to its `config.json`."""
    path = hub.fetch(repository, revision, hub.CONFIG, name)
    config = read_config(path)
    architecture = config.get("architecture")
    known = [
        each
        for each in table().values()
        if each.architecture and each.architecture == architecture
    ]
    if not known:
        raise ValueError(
            "The `architecture` in the `config.json` of a repository must be "
            "one of timm's that this package can build. Received: "
            f"architecture={quoted(architecture)} in {quoted(name)}. "
            "`keras_attn.applications.pretrained()` lists them"
        )
    stated = config.get("pretrained_cfg")
    stated = stated if isinstance(stated, Mapping) else {}
    same = [e for e in known if e.name.endswith(f".{stated.get('tag')}")]
    base = buildable((same or known)[0])
    if not same:
        base = dataclasses.replace(base, license="")
    changed = config.get("model_args")
    changed = changed if isinstance(changed, Mapping) else {}
    if unknown := sorted(map(str, changed.keys() - _HARMLESS)):
        raise ValueError(
            "The network of the weights must be one of timm's, unchanged. "
            f"Received: {quoted(name)}, whose `config.json` has "
            f"`model_args` for {quoted(unknown)}. Build the model with the "
            "same form, and call `keras_attn.weights.load_torch`"
        )
    return dataclasses.replace(
        base,
        name=name,
        hub=repository,
        revision=revision,
        sha256=None,
        parameters=0,
        **_facts({**stated, **config}, base),
    )


def check_architecture(path: os.PathLike[str], entry: Entry) -> None:
    """Raises an error if a `config.json` describes another network.

    Files may belong to several networks in the tables, as some of CLIP's do.
    """
    stated = read_config(path).get("architecture")
    known = {each.architecture for each in on_hub(entry.hub)}
    if stated not in known | {entry.architecture}:
        raise ValueError(
            "The `config.json` beside the weights must state the architecture "
            f"{entry.architecture!r}. Received: architecture={quoted(stated)} "
            f"in {os.fspath(path)!r}. Nothing was loaded"
        )


def _facts(config: Mapping[str, Any], base: Entry) -> dict[str, Any]:
    """Returns the checked facts in a `config.json`, or those of the entry."""
    classes = config.get("num_classes", base.classes)
    facts: dict[str, Any] = {
        "classes": checks.integer("num_classes", classes, 0),
        # The repository may have another licence than the weights that its own
        # come from, but not without their restriction.
        "license": base.license if base.is_non_commercial else "",
    }
    license = config.get("license")
    if isinstance(license, str):
        facts["license"] = license[:100]
    size = config.get("input_size")
    if size is not None:
        channels, *sides = _numbers("input_size", size, integers=True)
        if channels != 3 or sides[0] != sides[1]:
            raise ValueError(
                "`input_size` in a `config.json` must be of square RGB images. "
                f"Received: {quoted(size)}"
            )
        facts["size"] = tuple(sides)
    for name in ("mean", "std"):
        if config.get(name) is not None:
            facts[name] = _numbers(name, config[name])
    if config.get("crop_pct") is not None:
        facts["crop"] = checks.number(
            "crop_pct", config["crop_pct"], above=0, most=1
        )
        facts["resize"] = None
    allowed = {
        "interpolation": ("bicubic", "bilinear"),
        "crop_mode": ("center", "squash"),
    }
    for name, values in allowed.items():
        if config.get(name) is not None:
            facts[name] = checks.one_of(name, config[name], values)
    return facts


def _numbers(name: str, values: Any, integers: bool = False) -> tuple:
    """Returns three numbers of a `config.json`, or raises an error."""
    if not isinstance(values, list) or len(values) != 3:
        raise ValueError(
            f"`{name}` in a `config.json` must be a list of three numbers. "
            f"Received: {quoted(values)}"
        )
    if integers:
        return tuple(checks.positive(name, each) for each in values)
    return tuple(checks.number(name, each) for each in values)
