"""Trains ZF-Net: `python -m applications.feature_visualization.train`."""

import argparse
from collections.abc import Sequence

from applications.common import chosen, command, locks, results
from applications.common.datasets import read_data
from applications.feature_visualization.config import (
    DEFAULT_RUN,
    LARGEST,
    Config,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and trains."""
    parser = command.training_parser(
        "Trains a narrow ZF-Net on Fashion-MNIST, or on a folder of images.",
        Config,
        DEFAULT_RUN,
    )
    return command.run(parser, _train, argv)


def _train(options: argparse.Namespace) -> None:
    locks.check_free(options.output)
    found = chosen.shape(options, LARGEST)
    config = Config.from_options(options, **found)
    data = read_data(
        config.data,
        config.shape,
        config.seed,
        config.validation,
        options.skip_bad,
        options.workers,
    )
    config = chosen.with_batch_size(config, data, options)
    # Late, because Keras reads the backend when it is imported.
    from applications.common.training import Run
    from applications.feature_visualization.training import train_model

    print(f"images: {data.sizes()}; classes: {', '.join(data.class_names)}")
    chosen.report(config, options)
    result = train_model(config, data, Run.from_options(options))
    results.report(result, options.output, results.accuracies(result))


if __name__ == "__main__":
    raise SystemExit(main())
