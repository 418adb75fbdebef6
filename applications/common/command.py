"""Options that commands share, the choice of the backend, and error output."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from applications.common import listing
from applications.common.parsing import (
    DATA,
    DEVICE,
    NETWORK,
    OUTPUT,
    Examples,
    Parser,
)
from applications.common.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
# Longest error in characters: the name of a broken file can have a megabyte.
LONGEST = 2000
# What a command does with its options.
Job = Callable[[argparse.Namespace], None]


def add_skip_bad(made: Parser) -> None:
    """Adds the option to skip what cannot be read."""
    made.add_argument(
        "--skip-bad",
        action="store_true",
        group=DATA,
        derived="stop at the first one",
        help="skip files and rows that cannot be read, and report them",
    )


def add_data_options(made: Parser) -> None:
    """Adds the options for reading images."""
    add_skip_bad(made)
    made.add_argument(
        "--workers",
        type=int,
        default=2,
        group=DEVICE,
        help="threads that read images and prepare batches",
    )


def training_parser(
    description: str,
    kind: type[Settings],
    folder: str,
    examples: Examples = (),
) -> Parser:
    """Returns a parser with all options of a training.

    Args:
        description: What is trained.
        kind: Class of the settings.
        folder: Default folder of the run.
        examples: As in `Parser`.
    """
    made = Parser(
        f"{description} A training that was interrupted resumes when the same "
        "command is started again.",
        examples,
    )
    kind.add_options(made)
    add_data_options(made)
    add_run_options(made, folder)
    return made


def model_parser(
    description: str,
    folder: str,
    several: bool = False,
    examples: Examples = (),
) -> Parser:
    """Returns a parser for a command that uses a trained network.

    Args:
        description: What the command does.
        folder: Default folder of the run.
        several: Whether several models can be given.
        examples: As in `Parser`.
    """
    made = Parser(description, examples)
    made.add_argument(
        "--model",
        type=Path,
        nargs="+" if several else None,
        default=[Path(folder)] if several else Path(folder),
        group=NETWORK,
        help="folder of a run, or the model file in it",
    )
    return made


def add_source(made: Parser) -> None:
    """Adds the options that choose the images to show to a network."""
    made.add_argument(
        "--data",
        metavar="PATH",
        group=DATA,
        derived="the data of the run",
        help="file or folder to read images from",
    )
    made.add_argument(
        "--part",
        choices=("train", "validation", "test"),
        default="test",
        group=DATA,
        help="part of the data to read",
    )


def add_images(made: Parser) -> None:
    """Adds the image files as arguments without an option."""
    made.add_argument(
        "images",
        type=Path,
        nargs="+",
        metavar="IMAGE",
        group=DATA,
        help="image files",
    )


def add_index(made: Parser, what: str) -> None:
    """Adds which image of the data to draw; `what` names it in the help."""
    made.add_argument(
        "--index",
        type=int,
        default=0,
        group=DATA,
        help=f"index of the {what} in the data",
    )


def add_output(made: Parser, what: str, default: Path | str = "") -> None:
    """Adds where to write, by default into the folder of the model.

    Args:
        made: The parser.
        what: What is written, for the help.
        default: Name in the model's folder, empty for the folder itself, or
            a path elsewhere.
    """
    derived = ""
    if not isinstance(default, Path):
        where = f"{default} in the folder" if default else "the folder"
        derived, default = f"{where} of the model", None
    made.add_argument(
        "--output",
        type=Path,
        default=default,
        derived=derived,
        group=OUTPUT,
        help=what,
    )


def add_top(made: Parser) -> None:
    """Adds the number of classes to print for each image."""
    made.add_argument(
        "--top",
        type=int,
        default=1,
        group=OUTPUT,
        help="number of classes to print for each file, most probable first",
    )


def add_run_options(made: Parser, folder: str) -> None:
    """Adds the options for the folder, the devices and the output of a run."""
    what = "folder for the model, the log and the state of the training"
    add_output(made, what, Path(folder))
    made.add_argument(
        "--restart",
        action="store_true",
        group=OUTPUT,
        help="delete the run in --output and start again",
    )
    made.add_argument(
        "--verbose",
        type=int,
        choices=(0, 1, 2),
        default=1,
        group=OUTPUT,
        help="0: silent, 1: progress bar, 2: one line per epoch",
    )
    made.add_argument(
        "--distribute",
        choices=("none", "data"),
        default="none",
        group=DEVICE,
        help="data: split each batch across all devices that Keras finds "
        "(JAX and TensorFlow); none: use one device",
    )


def begin(module: str, argv: Sequence[str]) -> None:
    """Parses the options of a command before its module is imported.

    The module imports Keras, which then finds the backend that `--backend`
    names. `--help`, wrong options and an unusable backend end the process
    without importing Keras. So does a module that does not exist, with a list
    of those that do.

    Args:
        module: `applications.<task>.<command>`; other modules are ignored.
        argv: Its arguments.
    """
    package, task, verb, *_ = (*module.split("."), "", "")
    if package != "applications" or not task:
        return
    is_task = task in listing.tasks()
    if is_task and verb in listing.commands(task):
        made = listing.parser_of(listing.commands(task)[verb])
        if status := run(made, lambda _: None, argv):
            raise SystemExit(status)
        return
    path = ROOT.joinpath(*module.split("."))
    if is_task and not verb or not _is_module(path):
        raise SystemExit(listing.show(task, verb))


def _is_module(path: Path) -> bool:
    return path.is_dir() or path.with_suffix(".py").is_file()


def parsed_by(
    options: Callable[[], Parser],
) -> Callable[[Job], Callable[..., int]]:
    """Turns a function of parsed options into the `main` of a command.

    `main` takes the arguments and returns the exit status, as `run` does.

    Args:
        options: Function that returns the parser.
    """
    return lambda job: (
        lambda argv=None: run(listing.parser_of(options), job, argv)
    )


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
    """Returns an error as one line, starting with the file if there is one."""
    text = str(problem)
    if isinstance(problem, OSError) and problem.filename is not None:
        text = f"{problem.filename}: {problem.strerror}"
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def use_backend(name: str | None) -> None:
    """Chooses the backend, which Keras reads when it is imported."""
    # TensorFlow logs details of its build on every start, below warnings.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if name is not None:
        if "keras" in sys.modules:
            running = sys.modules["keras"].backend.backend()
            if running != name:
                raise ValueError(
                    f"Keras already runs on {running} in this process. Start "
                    f"a new process for {name}"
                )
        os.environ["KERAS_BACKEND"] = name
    try:
        # Before any `import keras`, which would fail with a traceback.
        import keras_attn  # noqa: F401
    except ImportError as problem:
        raise ValueError(f"{problem} Or pass --backend.") from problem
