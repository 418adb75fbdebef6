"""Settings of a run: a dataclass whose fields are options of a command."""

import argparse
import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any


def add_options(
    parser: argparse.ArgumentParser,
    kind: type,
    helps: Mapping[str, str],
    choices: Mapping[str, Sequence],
) -> None:
    """Adds an option for each field.

    Args:
        parser: What the options are added to.
        kind: The dataclass. A field that is a bool is a flag; `data`, the
            path of the data, is text.
        helps: What each field is, for `--help`.
        choices: What some of them may be.
    """
    for field in dataclasses.fields(kind):
        flag = flag_of(field.name)
        text = helps[field.name]
        if field.type is bool:
            parser.add_argument(flag, action="store_true", help=text)
            continue
        parser.add_argument(
            flag,
            type=str if field.name == "data" else field.type,
            choices=choices.get(field.name),
            default=field.default,
            help=text,
        )


def from_options(options: argparse.Namespace, kind: type) -> Any:
    """Takes the settings out of parsed options."""
    names = [field.name for field in dataclasses.fields(kind)]
    settings = {name: getattr(options, name) for name in names}
    if settings["data"] is not None:
        # A run can be gone on with from another folder.
        settings["data"] = os.path.abspath(settings["data"])
    return kind(**settings)


def check(config: Any, rules: Mapping[str, tuple[bool, str]]) -> None:
    """Checks settings, by whether a rule holds and what it is."""
    for name, (holds, rule) in rules.items():
        if not holds:
            raise ValueError(
                f"{flag_of(name)} must be {rule}; it is {getattr(config, name)}"
            )


def flag_of(name: str) -> str:
    """Returns what a field is called on the command line."""
    return f"--{name.replace('_', '-')}"
