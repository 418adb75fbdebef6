"""Lists the tasks and their commands, as their parsers describe them."""

import difflib
import importlib
import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path

from applications.common.parsing import Parser

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 80
HINT = "Add --help to a command for its options and examples."


def tasks() -> list[str]:
    """Returns the names of all tasks."""
    return sorted(path.parent.name for path in ROOT.glob("*/parsers.py"))


def commands(task: str) -> dict[str, Callable[[], Parser]]:
    """Returns the commands of a task, with the functions of their parsers."""
    parsers = importlib.import_module(f"applications.{task}.parsers")
    names = sorted(path.stem for path in (ROOT / task).glob("[a-z]*.py"))
    found = {name: getattr(parsers, name, None) for name in names}
    return {name: each for name, each in found.items() if callable(each)}


def parser_of(options: Callable[[], Parser]) -> Parser:
    """Returns the parser of a command, with the command in its usage.

    Args:
        options: Function of the command in the `parsers` of its task.
    """
    made = options()
    module = options.__module__.removesuffix("parsers")
    made.prog = f"python -m {module}{options.__name__}"
    return made


def show(task: str = "", verb: str = "") -> int:
    """Prints all tasks, or one; an unknown name is an error.

    Args:
        task: Name of a task; all of them if empty.
        verb: Name of a command of the task, which is only checked.

    Returns:
        The exit status.
    """
    unknown = ""
    if task and task not in tasks():
        unknown = _unknown("task", task, tasks())
    elif verb and verb not in commands(task):
        unknown = _unknown(f"command of {task}", verb, commands(task))
    if unknown:
        print("error:", unknown, file=sys.stderr)
        return 2
    print(_task(task) if task else _all())
    return 0


def _all() -> str:
    lines = ["usage: python -m applications.<task>.<command> [options]", ""]
    for task in tasks():
        lines += [f"{task}: {_title(task)}", *_rows(task), ""]
    return "\n".join([*lines, HINT])


def _task(task: str) -> str:
    lines = [f"usage: python -m applications.{task}.<command> [options]", ""]
    lines += [_title(task), "", "commands:", *_rows(task), ""]
    return "\n".join([*lines, HINT])


def _title(task: str) -> str:
    return importlib.import_module(f"applications.{task}").__doc__ or ""


def _rows(task: str) -> list[str]:
    """Returns the first sentence about each command."""
    found = {
        name: str(options().description).partition(". ")[0].removesuffix(".")
        for name, options in commands(task).items()
    }
    width = max(map(len, found))
    return [
        textwrap.fill(
            f"  {name:{width}}  {text}",
            WIDTH,
            subsequent_indent=" " * (width + 4),
        )
        for name, text in found.items()
    ]


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    text = f"the {what} must be one of {', '.join(known)}. Received: {name}"
    return f"{text}. Did you mean {near[0]}?" if near else text
