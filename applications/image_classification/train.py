"""Trains a classifier: `python -m applications.image_classification.train`."""

import argparse
from collections.abc import Sequence
from typing import Any

from applications.common import chosen, command, locks, results
from applications.common.datasets import read_data
from applications.common.parts import Data
from applications.image_classification import options as own_options
from applications.image_classification.config import (
    DEFAULT_RUN,
    LARGEST,
    LARGEST_CIFAR,
    Config,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and trains."""
    parser = command.training_parser(
        "Trains a ResNet, with any block of attention, or a ViT on "
        "Fashion-MNIST or on a folder of images.",
        Config,
        DEFAULT_RUN,
    )
    return command.run(parser, _train, own_options.joined(argv))


def _train(options: argparse.Namespace) -> None:
    locks.check_free(options.output)
    config, data = prepared(options)
    # Late, because Keras reads the backend when it is imported.
    from applications.common.training import Run
    from applications.image_classification.training import train_model

    print(f"images: {data.sizes()}; classes: {', '.join(data.class_names)}")
    chosen.report(config, options)
    result = train_model(config, data, Run.from_options(options))
    results.report(result, options.output, results.accuracies(result))


def prepared(options: argparse.Namespace) -> tuple[Config, Data]:
    """Reads the data, by which settings are chosen that no option gives."""
    config = config_of(options)
    data = read(config, options)
    return chosen.with_batch_size(config, data, options), data


def config_of(options: argparse.Namespace, **others: Any) -> Config:
    """Returns the settings, with what the images' headers decide.

    Args:
        options: Those parsed.
        others: Settings that come before options.
    """
    is_cifar = options.network == "ResNetCIFAR"
    found = chosen.shape(options, LARGEST_CIFAR if is_cifar else LARGEST)
    return Config.from_options(options, **{**found, **others})


def read(config: Config, options: argparse.Namespace) -> Data:
    """Reads the data of a run."""
    return read_data(
        config.data,
        config.shape,
        config.seed,
        config.validation,
        options.skip_bad,
        options.workers,
    )


if __name__ == "__main__":
    raise SystemExit(main())
