"""Settings of a training: a dataclass whose fields are options."""

import argparse
import dataclasses
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, Self

from applications.common import files
from applications.common.parsing import DATA, DEVICE, TRAINING, Parser

PRECISIONS = ("none", "bfloat16", "float16")


class Rule(NamedTuple):
    """A rule that the value of a setting must satisfy.

    Attributes:
        text: Text that follows "must be" in the error.
        holds: Function of the value and of all settings.
    """

    text: str
    holds: Callable[[Any, Any], bool]


POSITIVE = Rule("positive", lambda x, _: x > 0)
NOT_NEGATIVE = Rule("0 or more", lambda x, _: x >= 0)
POSITIVE_NUMBER = Rule("a positive number", lambda x, _: 0 < x < float("inf"))
NUMBER = Rule("0 or a positive number", lambda x, _: 0 <= x < float("inf"))
FRACTION = Rule("in [0, 1)", lambda x, _: 0 <= x < 1)
SEVERAL = Rule("2 or more, for batch normalisation", lambda x, _: x > 1)
WARMUP = Rule(
    "0 or more and less than --epochs", lambda x, config: 0 <= x < config.epochs
)


def setting(
    default: Any,
    help: str = "",
    *rules: Rule,
    choices: Sequence = (),
    derived: str = "",
    group: str = "",
) -> Any:
    """Declares a setting: its default, its option and its rules.

    A task that declares a setting again inherits what it leaves out.

    Args:
        default: Default value, of the type of the field.
        help: Description for `--help`.
        rules: Rules for the value; the first broken one is reported.
        choices: Allowed values, if there are only a few.
        derived: For `--help`, where the value comes from without the option,
            if that is not the default.
        group: Group of the option, one of `parsing.GROUPS`.
    """
    told = {"help": help, "rules": rules, "choices": choices}
    told |= {"derived": derived, "group": group}
    metadata = {name: value for name, value in told.items() if value}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings that determine the result of a training, in every task.

    They are saved next to the model and compared when a run resumes. Tasks
    add their own. Workers, output and devices are not settings, since they do
    not change the result.
    """

    data: str | None = setting(None, group=DATA)
    epochs: int = setting(
        10, "passes over the training images", POSITIVE, group=TRAINING
    )
    batch_size: int = setting(32, "images per step", POSITIVE, group=TRAINING)
    learning_rate: float = setting(
        1e-3, "highest learning rate", POSITIVE_NUMBER, group=TRAINING
    )
    mixed_precision: str = setting(
        "none",
        "16-bit type for computations; weights stay float32",
        choices=PRECISIONS,
        group=DEVICE,
    )
    seed: int = setting(0, "", NOT_NEGATIVE, group=TRAINING)

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            for rule in self.told(field.name).get("rules", ()):
                if not rule.holds(value, self):
                    raise ValueError(
                        f"{flag_of(field.name)} must be {rule.text}. "
                        f"Received: {value}"
                    )

    @classmethod
    def told(cls, name: str) -> dict[str, Any]:
        """Returns the arguments of `setting`, including inherited ones."""
        found: dict[str, Any] = {}
        for kind in reversed(cls.__mro__):
            fields = getattr(kind, "__dataclass_fields__", {})
            found |= fields[name].metadata if name in fields else {}
        return found

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings by name, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], path: object) -> Self:
        """Returns settings that were saved with `to_dict`.

        Args:
            values: The settings by name.
            path: File that they were read from, for the error.

        Raises:
            ValueError: If a setting is missing, unknown or of another type.
                None is guessed: another seed or fraction would divide the
                data differently.
        """
        kinds = {field.name: field.type for field in dataclasses.fields(cls)}
        missing = sorted(set(kinds) - set(values))
        unknown = sorted(set(values) - set(kinds))
        wrong = [
            f"{name} is {values[name]!r:.80}"
            for name, kind in kinds.items()
            if name in values and not files.is_a(values[name], kind)
        ]
        if missing or unknown or wrong:
            found = [f"{name} is missing" for name in missing]
            found += [f"{name} is unknown" for name in unknown]
            raise ValueError(
                f"{path}: not settings of this task and version "
                f"({'; '.join((found + wrong)[:3])}). Restore the file, or "
                "train again with --restart"
            )
        try:
            return cls(**values)
        except ValueError as problem:
            raise ValueError(f"{path}: {problem}") from problem

    @classmethod
    def add_options(cls, parser: Parser, without: Collection[str] = ()) -> None:
        """Adds an option for each field; a bool becomes a flag."""
        for field in dataclasses.fields(cls):
            if field.name in without:
                continue
            flag, told = flag_of(field.name), cls.told(field.name)
            default, text, group = field.default, told["help"], told["group"]
            if field.type is bool:
                parser.add_argument(
                    flag, action="store_true", help=text, group=group
                )
                continue
            if "derived" in told:
                default = None
            is_data = field.name == "data"
            parser.add_argument(
                flag,
                type=str if is_data else field.type,
                choices=told.get("choices"),
                default=default,
                metavar="PATH" if is_data else None,
                help=text,
                derived=told.get("derived", ""),
                group=group,
            )

    @classmethod
    def from_options(cls, options: argparse.Namespace, **others: Any) -> Self:
        """Returns the settings of parsed options, overridden by `others`."""
        settings = {
            field.name: getattr(options, field.name)
            for field in dataclasses.fields(cls)
            if field.name not in others
        }
        settings = {
            name: value
            for name, value in settings.items()
            if value is not None or "derived" not in cls.told(name)
        }
        if settings.get("data") is not None:
            # A run can be resumed from another folder.
            settings["data"] = os.path.abspath(settings["data"])
        return cls(**settings, **others)


def flag_of(name: str) -> str:
    """Returns the option of a field."""
    return f"--{name.replace('_', '-')}"
