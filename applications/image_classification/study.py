"""Compares blocks: `python -m applications.image_classification.study`.

Trains one recipe with each attention block and several seeds, and measures
each network on the test images. Finished runs are not repeated.
"""

import argparse
import dataclasses
import datetime
import json
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from applications.common import chosen, command, files, locks, runs
from applications.common.datasets import read_for
from applications.common.machine import processor
from applications.common.parts import Data, part_of
from applications.common.training import Run
from applications.image_classification import parsers
from applications.image_classification.config import (
    ATTENTIONS,
    RESNETS,
    Config,
)
from applications.image_classification.loading import load_classifier
from applications.image_classification.train import largest_of, train_model

RESULT = "result.json"
TABLE = "results.jsonl"


@command.parsed_by(parsers.study)
def main(options: argparse.Namespace) -> None:
    """Runs the study."""
    known = ["none", *ATTENTIONS]
    names = options.attentions or known
    for name in names:
        if name not in known:
            raise ValueError(
                f"--attentions must be among {known}. Received: {name}"
            )
    if options.network not in RESNETS:
        raise ValueError(
            f"--network must be one of {RESNETS}, which have slots for "
            f"attention. Received: {options.network}"
        )
    locks.check_free(options.output)
    found = chosen.shape(options, largest_of(options))
    configs = [
        Config.from_options(options, **found, attention=name, seed=seed)
        for name in dict.fromkeys(names)
        for seed in dict.fromkeys(options.seeds)
    ]
    data = read_for(configs[0], options)
    configs = [chosen.with_batch_size(x, data, options) for x in configs]
    chosen.report(configs[0], options)
    lines = []
    with locks.locked(options.output):
        for line in _results(configs, data, options):
            lines.append(line)
            print(json.dumps(line), flush=True)
            text = "".join(json.dumps(each) + "\n" for each in lines)
            files.write_text(options.output / TABLE, text)
    print(f"wrote {options.output / TABLE}")
    print(table(lines))


def _results(
    configs: list[Config], data: Data, options: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Yields the result of each run, and runs those without a result."""
    seed = configs[0].seed
    for config in configs:
        if config.data is not None and config.seed != seed:
            # The seed splits a folder.
            data, seed = read_for(config, options), config.seed
        folder = options.output / f"{config.attention}_{config.seed}"
        if options.restart:
            (folder / RESULT).unlink(missing_ok=True)
        yield _result(config, data, folder, options)


def _result(
    config: Config, data: Data, folder: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Trains and tests one network, or reads an earlier result."""
    run = dataclasses.replace(Run.from_options(options), folder=folder)
    began, before = time.perf_counter(), folder.exists()
    result = train_model(config, data, run)
    seconds = time.perf_counter() - began
    known = runs.read_result(folder, RESULT)
    if known is not None:
        return known
    part, classifier = part_of(data, "test"), load_classifier(folder)
    predicted = classifier.predict(part.images, batch_size=256)
    right = predicted.argmax(axis=1) == part.labels
    found = {
        "network": config.network,
        "arguments": config.arguments,
        "attention": config.attention,
        "seed": config.seed,
        "test_accuracy": float(np.mean(right)),
        "parameters": classifier.model.count_params(),
        "epochs": config.epochs,
        # Unknown for a run that was interrupted.
        "seconds": None if before or result.was_finished else round(seconds, 1),
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "date": datetime.date.today().isoformat(),
    }
    runs.write_result(folder, RESULT, found)
    # Otherwise the graphs of all runs would stay in memory.
    keras.backend.clear_session()
    return found


def table(lines: Sequence[dict[str, Any]]) -> str:
    """Returns one row per block, with means and deviations over the seeds.

    The deviation is the sample standard deviation. It is `-` for a single
    seed, as are seconds that are unknown for all runs.

    Args:
        lines: Results of the runs, in the order of the blocks.
    """
    width = max(len("block"), *(len(line["attention"]) for line in lines))
    rows = [
        f"{'block':{width}}  accuracy  deviation  seeds  parameters  seconds"
    ]
    for name in dict.fromkeys(line["attention"] for line in lines):
        own = [line for line in lines if line["attention"] == name]
        accuracies = [line["test_accuracy"] for line in own]
        known = [x["seconds"] for x in own if x["seconds"] is not None]
        several = len(own) > 1
        deviation = f"{statistics.stdev(accuracies):.4f}" if several else "-"
        seconds = f"{statistics.mean(known):.1f}" if known else "-"
        rows.append(
            f"{name:{width}}  {statistics.mean(accuracies):8.4f}  "
            f"{deviation:>9}  {len(own):5}  {own[0]['parameters']:10,}  "
            f"{seconds:>7}"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    raise SystemExit(main())
