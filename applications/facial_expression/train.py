"""Trains FERNet: `python -m applications.facial_expression.train`."""

import argparse
from collections.abc import Sequence

from applications.common import command, results
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
    results.report(result, options.output, results.accuracies(result))


if __name__ == "__main__":
    raise SystemExit(main())
