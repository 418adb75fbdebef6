"""Attention compared: `python -m applications.image_classification.study`.

Trains one recipe with each block of attention and several seeds, and measures
each network on the test images. What is done is not done again.
"""

import argparse
import dataclasses
import datetime
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from applications.common import command, files
from applications.common.machine import processor
from applications.common.parts import Data, part_of
from applications.image_classification import options as own_options
from applications.image_classification.config import RESNETS, Config
from applications.image_classification.train import read

RESULT = "result.json"
TABLE = "results.jsonl"


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and runs the study."""
    parser = command.parser(
        "Trains a ResNet with each block of attention and several seeds, one "
        "recipe for all, and writes one line of JSON for each run: accuracy "
        "on the test images, parameters, seconds. Started again it goes on "
        "where it was."
    )
    parser.add_argument(
        "--attentions",
        nargs="+",
        help="names of the blocks, and none; None is all of them",
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2], help="of each block"
    )
    Config.add_options(parser, without=("attention", "seed"))
    command.add_data_options(parser)
    command.add_run_options(parser, "runs/image_classification/study")
    return command.run(parser, _study, own_options.joined(argv))


def _study(options: argparse.Namespace) -> None:
    # Late, because Keras reads the backend when it is imported.
    from keras_attn import layers

    known = ["none", *layers.names()]
    names = options.attentions or known
    for name in names:
        if name not in known:
            raise ValueError(
                f"--attentions must be among {known}; one is {name}"
            )
    if options.network not in RESNETS:
        raise ValueError(
            f"--network must be one of {RESNETS}, which have slots for "
            f"attention; it is {options.network}"
        )
    configs = [
        Config.from_options(options, attention=name, seed=seed)
        for name in names
        for seed in options.seeds
    ]
    lines = []
    for line in _results(configs, options):
        lines.append(json.dumps(line))
        print(lines[-1], flush=True)
        files.write_text(options.output / TABLE, "\n".join(lines) + "\n")
    print(f"wrote {options.output / TABLE}")


def _results(
    configs: list[Config], options: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Yields what each run has come to, running those that have not."""
    data: Data | None = None
    for config in configs:
        folder = options.output / f"{config.attention}_{config.seed}"
        if options.restart:
            (folder / RESULT).unlink(missing_ok=True)
        if data is None or config.data is not None:
            # The seed divides a folder.
            data = read(config, options)
        yield _result(config, data, folder, options)


def _result(
    config: Config, data: Data, folder: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Trains and tests one network, or reads what was found before."""
    # Late, because Keras reads the backend when it is imported.
    import keras

    from applications.common.training import Run
    from applications.image_classification.evaluate import confusion
    from applications.image_classification.loading import load_classifier
    from applications.image_classification.training import train_model

    run = dataclasses.replace(Run.from_options(options), folder=folder)
    began, before = time.perf_counter(), folder.exists()
    result = train_model(config, data, run)
    seconds = time.perf_counter() - began
    if (folder / RESULT).exists():
        return json.loads((folder / RESULT).read_text(encoding="utf-8"))
    classifier = load_classifier(folder)
    names = data.class_names
    matrix = confusion(classifier, part_of(data, "test"), len(names))
    found = {
        "network": config.network,
        "arguments": config.arguments,
        "attention": config.attention,
        "seed": config.seed,
        "test_accuracy": float(matrix.trace() / matrix.sum()),
        "parameters": classifier.model.count_params(),
        "epochs": config.epochs,
        # Of a run that was stopped in between they are not known.
        "seconds": None if before or result.was_finished else round(seconds, 1),
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "date": datetime.date.today().isoformat(),
    }
    files.write_text(folder / RESULT, json.dumps(found) + "\n")
    # Or the graphs of all runs would stay in memory.
    keras.backend.clear_session()
    return found


if __name__ == "__main__":
    raise SystemExit(main())
