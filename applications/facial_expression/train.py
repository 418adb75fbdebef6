"""Trains FERNet: `python -m applications.facial_expression.train`."""

import argparse
from collections.abc import Sequence

from applications.common import command, locks, results
from applications.facial_expression.config import DEFAULT_RUN, Config
from applications.facial_expression.data import read_data


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and trains."""
    parser = command.training_parser(
        "Trains FERNet on faces.", Config, DEFAULT_RUN
    )
    return command.run(parser, _train, argv)


def _train(options: argparse.Namespace) -> None:
    config = Config.from_options(options)
    locks.check_free(options.output)
    data = read_data(
        config.data,
        config.shape,
        config.seed,
        config.hold_out,
        options.skip_bad,
        options.workers,
    )
    # Late, because Keras reads the backend when it is imported.
    from applications.common.training import Run
    from applications.facial_expression.training import train_model

    print(f"images: {data.sizes()}; classes: {', '.join(data.class_names)}")
    kind = "grey" if config.channels == 1 else "colour"
    print(f"read as {kind} images of {config.size} x {config.size} pixels")
    result = train_model(config, data, Run.from_options(options))
    results.report(result, options.output, results.accuracies(result))


if __name__ == "__main__":
    raise SystemExit(main())
