"""Settings of a training: a dataclass whose fields are options."""

import argparse
import dataclasses
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, Self

from applications.common import files

PRECISIONS = ("none", "bfloat16", "float16")


class Rule(NamedTuple):
    """What a setting must be.

    Attributes:
        text: What follows "must be" in the error.
        holds: Function of the setting's value, and of all settings.
    """

    text: str
    holds: Callable[[Any, Any], bool]


POSITIVE = Rule("positive", lambda x, _: x > 0)
NOT_NEGATIVE = Rule("0 or more", lambda x, _: x >= 0)
POSITIVE_NUMBER = Rule("a positive number", lambda x, _: 0 < x < float("inf"))
NUMBER = Rule("0, or a positive number", lambda x, _: 0 <= x < float("inf"))
SHARE = Rule("in [0, 1)", lambda x, _: 0 <= x < 1)
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
) -> Any:
    """Declares a setting: its default, its option and its check.

    A task that declares one again inherits what it does not give.

    Args:
        default: Its value, of the type of the field.
        help: What it is, for `--help`.
        rules: What it must be; the first that does not hold is reported.
        choices: What it may be, where these are few.
        derived: Where its value comes from if the option is not given, for
            `--help`, where that is not the default.
    """
    told = {"help": help, "rules": rules, "choices": choices}
    told["derived"] = derived
    metadata = {name: value for name, value in told.items() if value}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What decides the result of a training, in every task.

    They are saved beside the model, and compared on going on. Tasks add their
    own; the number of workers, the amount of output and the devices are not
    here, as they do not change a result.
    """

    data: str | None = None
    epochs: int = setting(
        10, "times that all training images are seen", POSITIVE
    )
    batch_size: int = setting(32, "images of a step", POSITIVE)
    learning_rate: float = setting(1e-3, "at its highest", POSITIVE_NUMBER)
    mixed_precision: str = setting(
        "none",
        "type of the computation; variables stay float32",
        choices=PRECISIONS,
    )
    seed: int = setting(0, "", NOT_NEGATIVE)

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            for rule in self.told(field.name).get("rules", ()):
                if not rule.holds(value, self):
                    raise ValueError(
                        f"{flag_of(field.name)} must be {rule.text}; it is "
                        f"{value}"
                    )

    @classmethod
    def told(cls, name: str) -> dict[str, Any]:
        """Returns the arguments of `setting`, inherited ones included."""
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
        """Returns settings that were saved, such as by `to_dict`.

        Args:
            values: By their names.
            path: Of the file that they are from, for the error.

        Raises:
            ValueError: If one is missing, unknown or of another kind. None is
                guessed: another seed or share would divide the data otherwise.
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
                f"({'; '.join((found + wrong)[:3])}); put the file back as it "
                "was, or train anew with --restart"
            )
        try:
            return cls(**values)
        except ValueError as problem:
            raise ValueError(f"{path}: {problem}") from problem

    @classmethod
    def add_options(
        cls, parser: argparse.ArgumentParser, without: Collection[str] = ()
    ) -> None:
        """Adds an option for each field; one that is a bool is a flag."""
        for field in dataclasses.fields(cls):
            if field.name in without:
                continue
            flag, told = flag_of(field.name), cls.told(field.name)
            default, text = field.default, told["help"]
            if field.type is bool:
                parser.add_argument(flag, action="store_true", help=text)
                continue
            if "derived" in told:
                default = None
                text += f" (default: {told['derived']})"
            parser.add_argument(
                flag,
                type=str if field.name == "data" else field.type,
                choices=told.get("choices"),
                default=default,
                help=text,
            )

    @classmethod
    def from_options(cls, options: argparse.Namespace, **others: Any) -> Self:
        """Takes the settings out of parsed options, besides those given."""
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
            # A run can be gone on with from another folder.
            settings["data"] = os.path.abspath(settings["data"])
        return cls(**settings, **others)


def flag_of(name: str) -> str:
    """Returns what a field is called on the command line."""
    return f"--{name.replace('_', '-')}"
