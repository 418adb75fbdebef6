"""Trains a network: `python -m applications.semantic_segmentation.train`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from applications.common import command, locks, results
from applications.semantic_segmentation.config import DEFAULT_RUN, Config

CACHE = "runs/features"


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and trains."""
    parser = command.training_parser(
        "Trains DeepLab with attention to scale to label pixels.",
        Config,
        DEFAULT_RUN,
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(CACHE),
        help="folder for what frozen layers see; it may be removed",
    )
    return command.run(parser, _train, argv)


def _train(options: argparse.Namespace) -> None:
    config = Config.from_options(options)
    locks.check_free(options.output)
    # Late, because Keras reads the backend when it is imported.
    from applications.common.training import Run
    from applications.semantic_segmentation.source import read_for
    from applications.semantic_segmentation.training import train_model

    scenes = read_for(config, options.skip_bad, options.workers)
    print(f"scenes: {scenes.sizes()}; classes: {', '.join(scenes.class_names)}")
    result = train_model(
        config, scenes, Run.from_options(options), options.cache
    )
    last = result.history[-1]
    lines = [
        f"epoch {last['epoch']}: {name} {value:.4f}"
        for name, value in last.items()
        if name.endswith("mean_iou")
    ]
    results.report(result, options.output, lines)


if __name__ == "__main__":
    raise SystemExit(main())
