"""Trains FERNet: `python -m applications.facial_expression.train`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from applications.common import command, runs
from applications.facial_expression import config as settings
from applications.facial_expression.data import read_data


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and trains."""
    parser = command.parser(
        "Trains FERNet on faces. Started again with the same options after "
        "it was stopped, in whatever way, it goes on where it was."
    )
    settings.add_options(parser)
    command.add_data_options(parser)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(settings.DEFAULT_RUN),
        help="folder for the model, the log and the state",
    )
    parser.add_argument(
        "--restart",
        action="store_true",
        help="remove the run in --output and begin anew",
    )
    parser.add_argument(
        "--verbose",
        type=int,
        choices=(0, 1, 2),
        default=1,
        help="0: silent, 1: progress bar, 2: a line for each epoch",
    )
    return command.run(parser, _train, argv)


def _train(options: argparse.Namespace) -> None:
    config = settings.from_options(options)
    data = read_data(
        config.data,
        config.shape,
        config.seed,
        config.hold_out,
        options.skip_bad,
        options.workers,
    )
    # Late, because Keras reads the backend when it is imported.
    from applications.facial_expression.training import train_model

    print(f"images: {data.sizes()}; classes: {', '.join(data.class_names)}")
    result = train_model(
        config,
        data,
        options.output,
        options.restart,
        options.workers,
        options.verbose,
    )
    if result.was_finished:
        print("this run was already finished; --restart begins anew")
    last = result.history[-1]
    print(f"epoch {last['epoch']}: train accuracy {last['accuracy']:.4f}")
    if "val_accuracy" in last:
        best = max(row["val_accuracy"] for row in result.history)
        print(f"best validation accuracy {best:.4f}, whose model is kept")
    print(f"wrote {options.output / runs.MODEL} and {runs.LOG}")


if __name__ == "__main__":
    raise SystemExit(main())
