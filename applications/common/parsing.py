"""Parser of a command line: options in groups, defaults and examples."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

BACKENDS = ("tensorflow", "torch", "jax")
# Titles of the groups of options, in the order of `--help`.
DATA, NETWORK, TRAINING, AUGMENTATION, EXPLANATION, OUTPUT, DEVICE = GROUPS = (
    "data",
    "network",
    "training",
    "augmentation",
    "explanation",
    "output",
    "device",
)
# A longer list of choices goes into the help text of its option, as does one
# with commas in it.
LONGEST = 42
# Placeholders for values in `--help`, by type.
METAVARS = {int: "N", float: "X", Path: "PATH"}
WIDTH = 78
# What an example does, and its arguments.
Examples = Sequence[tuple[str, str]]


class Parser(argparse.ArgumentParser):
    """Parser with grouped options, and examples at the end of `--help`.

    It shows the default of an option unless that says nothing, and has the
    option `--backend`. It accepts `-1,1` as the value of an option with such
    a choice; `argparse` alone would take it for an option.

    Args:
        description: What the command does. `python -m applications` lists
            the first sentence.
        examples: Pairs of a sentence and the arguments of an example.
    """

    # Names of options with a choice that begins with a dash.
    dashed: frozenset[str] = frozenset()

    def __init__(self, description: str, examples: Examples = ()):
        super().__init__(usage="%(prog)s [options]", description=description)
        self.examples = [*examples]
        self.groups = {each: self.add_argument_group(each) for each in GROUPS}
        self.add_argument(
            "--backend",
            choices=BACKENDS,
            default=argparse.SUPPRESS,
            group=DEVICE,
            derived="the variable KERAS_BACKEND, otherwise Keras' default",
            help="backend of Keras",
        )

    def parse_known_args(self, args=None, namespace=None):
        """Parses as `argparse` does, but accepts values such as `-1,1`."""
        found: list[str] = []
        for each in sys.argv[1:] if args is None else args:
            if found and found[-1] in self.dashed:
                found[-1] += f"={each}"
            else:
                found.append(each)
        return super().parse_known_args(found, namespace)

    def add_argument(
        self, *names: str, group: str = "", derived: str = "", **kwargs
    ) -> argparse.Action:
        """Adds an option to a group, with its default in the help.

        A long list of choices is moved into the help text. A positional or
        required argument is added to the usage line.

        Args:
            names: As in `argparse`.
            group: One of `GROUPS`.
            derived: For the help, what applies without the option, if that
                is not `default`.
            kwargs: As in `argparse`.
        """
        choices = [*map(str, kwargs.get("choices") or ())]
        metavar = None if choices else METAVARS.get(kwargs.get("type"))
        has_commas = any("," in each for each in choices)
        if len(", ".join(choices)) > LONGEST or has_commas:
            metavar = names[0].strip("-").replace("-", "_").upper()
            listed = (" " if has_commas else ", ").join(choices)
            kwargs["help"] = f"{kwargs['help']}: {listed}"
        if metavar and not kwargs.get("metavar"):
            kwargs["metavar"] = metavar
        place = self.groups[group] if group else super()
        made = place.add_argument(*names, **kwargs)
        if any(str(each).startswith("-") for each in made.choices or ()):
            self.dashed |= {*names}
        if made.required and self.usage:
            several = " ..." if made.nargs == "+" else ""
            # On the next line, since the names of commands are long.
            name = "".join(f"\n{' ' * 7}{x}" for x in made.option_strings[:1])
            self.usage += f"{name} {made.metavar or made.dest}{several}"
        default = made.default
        silent = any(default is x for x in (None, False, argparse.SUPPRESS))
        if made.help and not derived and not silent and default != "":
            several = default if isinstance(default, list) else [default]
            derived = " ".join(map(str, several)).replace("%", "%%")
        if derived:
            made.help = f"{made.help} (default: {derived})"
        return made

    def format_help(self) -> str:
        """Formats as `argparse` does, and adds the examples."""
        blocks = [
            f"  # {what}\n{_wrapped(f'{self.prog} {arguments}')}\n"
            for what, arguments in self.examples
        ]
        text = super().format_help()
        return "\n".join([text, "examples:", *blocks]) if blocks else text


def _wrapped(command: str) -> str:
    """Breaks a command before options, so that it can still be pasted."""
    lines = [""]
    for each in re.split(r" (?=--)", command.strip()):
        if len(lines[-1]) + len(each) > WIDTH - 5:
            lines.append("    ")
        lines[-1] += f" {each}"
    return " \\\n".join(f" {line}" for line in lines)
