"""What every command shares: the backend, and one line for bad input."""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from applications.common.settings import Settings

BACKENDS = ("tensorflow", "torch", "jax")
TASKS = Path(__file__).resolve().parents[1]
# Characters of an error: a broken file can have a name of a megabyte.
LONGEST = 2000
# What a command does with its options.
Job = Callable[[argparse.Namespace], None]


class Parser(argparse.ArgumentParser):
    """Shows defaults in `--help`, but for those that say nothing.

    Takes `-1,1` for the value of an option that has such a choice, where
    `argparse` takes what begins with a dash for an option.
    """

    # Names of options that have such a choice.
    dashed: frozenset[str] = frozenset()

    def parse_known_args(self, args=None, namespace=None):
        """Parses as `argparse` does, with such values."""
        found: list[str] = []
        for each in sys.argv[1:] if args is None else args:
            if found and found[-1] in self.dashed:
                found[-1] += f"={each}"
            else:
                found.append(each)
        return super().parse_known_args(found, namespace)

    def add_argument(self, *names, **kwargs) -> argparse.Action:
        """Adds an option as `argparse` does, with its default in the help."""
        made = super().add_argument(*names, **kwargs)
        if any(str(each).startswith("-") for each in made.choices or ()):
            self.dashed |= {*names}
        default = made.default
        silent = any(default is x for x in (None, False, argparse.SUPPRESS))
        if made.help and not silent and default != "":
            several = default if isinstance(default, list) else [default]
            text = " ".join(map(str, several)).replace("%", "%%")
            made.help += f" (default: {text})"
        return made


def parser(description: str) -> argparse.ArgumentParser:
    """Returns a parser that shows defaults and knows `--backend`."""
    made = Parser(description=description)
    made.add_argument(
        "--backend",
        choices=BACKENDS,
        default=argparse.SUPPRESS,
        help="what Keras computes with; as the variable KERAS_BACKEND",
    )
    return made


def add_data_options(made: argparse.ArgumentParser) -> None:
    """Adds what concerns the reading of images."""
    made.add_argument(
        "--skip-bad",
        action="store_true",
        help="leave out bad rows and files, and say how many",
    )
    made.add_argument(
        "--workers",
        type=int,
        default=2,
        help="threads that read images and prepare batches",
    )


def training_parser(
    description: str, kind: type[Settings], folder: str
) -> argparse.ArgumentParser:
    """Returns a parser for all that a training needs.

    Args:
        description: What is trained.
        kind: Its settings.
        folder: Of the run, if no other one is given.
    """
    made = parser(
        f"{description} Started again with the same options after it was "
        "stopped, in whatever way, it goes on where it was."
    )
    kind.add_options(made)
    add_data_options(made)
    add_run_options(made, folder)
    return made


def model_parser(
    description: str, folder: str, several: bool = False
) -> argparse.ArgumentParser:
    """Returns a parser for what uses a trained network.

    Args:
        description: What is done with it.
        folder: Of the run, if no other one is given.
        several: Whether there may be several models.
    """
    made = parser(description)
    made.add_argument(
        "--model",
        type=Path,
        nargs="+" if several else None,
        default=[Path(folder)] if several else Path(folder),
        help="folder of a run, or the model in it",
    )
    add_data_options(made)
    return made


def add_source(made: argparse.ArgumentParser) -> None:
    """Adds which images of which data a trained network is shown."""
    made.add_argument(
        "--data", help="what to read (default: the data of the run)"
    )
    made.add_argument(
        "--part",
        choices=("train", "validation", "test"),
        default="test",
        help="images to look at",
    )


def add_output(
    made: argparse.ArgumentParser, what: str, default: Path | str = ""
) -> None:
    """Adds where to write; without the option, it is the model's folder.

    Args:
        made: The parser.
        what: Is written, for the help.
        default: Name in the model's folder, nothing for that itself, or a
            path elsewhere.
    """
    if not isinstance(default, Path):
        where = (
            f"{default}, in the model's folder" if default else "the model's"
        )
        what, default = f"{what} (default: {where})", None
    made.add_argument("--output", type=Path, default=default, help=what)


def add_top(made: argparse.ArgumentParser) -> None:
    """Adds how many classes are printed for an image."""
    made.add_argument(
        "--top", type=int, default=1, help="classes to print for each file"
    )


def add_run_options(made: argparse.ArgumentParser, folder: str) -> None:
    """Adds what concerns the folder of a training, and what it prints."""
    what = "folder for the model, the log and the state"
    add_output(made, what, Path(folder))
    made.add_argument(
        "--restart",
        action="store_true",
        help="remove the run in --output and begin anew",
    )
    made.add_argument(
        "--distribute",
        choices=("none", "data"),
        default="none",
        help="data: share each batch among all devices that Keras sees",
    )
    made.add_argument(
        "--verbose",
        type=int,
        choices=(0, 1, 2),
        default=1,
        help="0: silent, 1: progress bar, 2: a line for each epoch",
    )


def begin(module: str, argv: Sequence[str]) -> None:
    """Parses the options of a command before its module is imported.

    Keras, which that module imports, then finds the backend of `--backend`.
    `--help`, wrong options and a backend that cannot be used end the process
    without Keras.

    Args:
        module: `applications.<task>.<command>`; of others, nothing is done.
        argv: Its arguments.
    """
    _, task, verb, *_ = (*module.split("."), "", "")
    if not (TASKS / task / "parsers.py").is_file():
        return
    parsers = importlib.import_module(f"applications.{task}.parsers")
    if hasattr(parsers, verb):
        made = getattr(parsers, verb)()
        made.prog = f"{verb}.py"
        if status := run(made, lambda _: None, argv):
            raise SystemExit(status)


def parsed_by(
    options: Callable[[], argparse.ArgumentParser],
) -> Callable[[Job], Callable[..., int]]:
    """Makes what is done with options the `main` of a command.

    It takes the arguments instead, and returns the exit status, as `run` does.

    Args:
        options: Function that returns the parser of the options.
    """
    return lambda job: lambda argv=None: run(options(), job, argv)


def run(
    made: argparse.ArgumentParser,
    job: Job,
    argv: Sequence[str] | None = None,
) -> int:
    """Runs a job; bad input becomes one line and the exit status 2."""
    options = made.parse_args(argv)
    try:
        use_backend(getattr(options, "backend", None))
        job(options)
    except (ValueError, OSError) as problem:
        print("error:", line_of(problem), file=sys.stderr)
        return 2
    return 0


def line_of(problem: Exception) -> str:
    """Returns an error as one line, which begins with the file if it can."""
    text = str(problem)
    if isinstance(problem, OSError) and problem.filename is not None:
        text = f"{problem.filename}: {problem.strerror}"
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def use_backend(name: str | None) -> None:
    """Chooses the backend; Keras reads the choice when it is imported."""
    # TensorFlow writes about its build on every start, below warnings.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if name is not None:
        if "keras" in sys.modules:
            running = sys.modules["keras"].backend.backend()
            if running != name:
                raise ValueError(
                    f"Keras already runs on {running} in this process: start "
                    f"another for {name}"
                )
        os.environ["KERAS_BACKEND"] = name
    try:
        # Before any `import keras`, which would fail with a traceback.
        import keras_attn  # noqa: F401
    except ImportError as problem:
        raise ValueError(f"{problem} Or pass --backend.") from problem
