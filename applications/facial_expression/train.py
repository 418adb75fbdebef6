"""Trains FERNet: `python -m applications.facial_expression.train`."""

import argparse
from collections.abc import Sequence

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
    command.add_run_options(parser, settings.DEFAULT_RUN)
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
