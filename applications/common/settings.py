"""Settings of a training: a dataclass whose fields are options."""

import argparse
import dataclasses
import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Self

from applications.common import files

PRECISIONS = ("none", "bfloat16", "float16")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What decides the result of a training, in every task.

    They are saved beside the model, and compared on going on. Tasks add their
    own; the number of workers, the amount of output and the devices are not
    here, as they do not change a result.

    Attributes:
        HELP: What each field is, for `--help`; a task adds its own.
        CHOICES: What some of them may be.
        DERIVED: Where the value of a field comes from whose option is not
            given, for `--help`; other fields have their default then.
    """

    data: str | None = None
    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 1e-3
    mixed_precision: str = "none"
    seed: int = 0

    HELP: ClassVar[Mapping[str, str]] = {
        "epochs": "times that all training images are seen",
        "batch_size": "images of a step",
        "learning_rate": "at its highest",
        "mixed_precision": "type of the computation; variables stay float32",
    }
    CHOICES: ClassVar[Mapping[str, Sequence]] = {"mixed_precision": PRECISIONS}
    DERIVED: ClassVar[Mapping[str, str]] = {}

    def __post_init__(self):
        for name, (holds, rule) in self.rules().items():
            if not holds:
                raise ValueError(
                    f"{flag_of(name)} must be {rule}; it is "
                    f"{getattr(self, name)}"
                )

    def rules(self) -> dict[str, tuple[bool, str]]:
        """Returns for each setting whether its rule holds, and what it is."""
        return {
            "epochs": (self.epochs > 0, "positive"),
            "batch_size": (self.batch_size > 0, "positive"),
            "learning_rate": (
                0 < self.learning_rate < float("inf"),
                "a positive number",
            ),
            "seed": (self.seed >= 0, "0 or more"),
        }

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
            flag, text = flag_of(field.name), cls.HELP[field.name]
            if field.type is bool:
                parser.add_argument(flag, action="store_true", help=text)
                continue
            default = field.default
            if field.name in cls.DERIVED:
                default = None
                text += f" (default: {cls.DERIVED[field.name]})"
            parser.add_argument(
                flag,
                type=str if field.name == "data" else field.type,
                choices=cls.CHOICES.get(field.name),
                default=default,
                help=text,
            )

    @classmethod
    def from_options(cls, options: argparse.Namespace, **others: Any) -> Self:
        """Takes the settings out of parsed options, besides those given."""
        names = [field.name for field in dataclasses.fields(cls)]
        settings = {
            name: getattr(options, name)
            for name in names
            if name not in others
            and (name not in cls.DERIVED or getattr(options, name) is not None)
        }
        if settings.get("data") is not None:
            # A run can be gone on with from another folder.
            settings["data"] = os.path.abspath(settings["data"])
        return cls(**settings, **others)


def flag_of(name: str) -> str:
    """Returns what a field is called on the command line."""
    return f"--{name.replace('_', '-')}"
