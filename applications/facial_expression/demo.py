"""Demonstrates FERNet: `python -m applications.facial_expression.demo`.

Trains FERNet, with and without the sigmoid, on the images that scikit-image
ships, and writes models, logs and drawings to `demo/`.
"""

import argparse
import csv
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from applications.common import command
from applications.common.parts import Data
from applications.common.training import Run
from applications.facial_expression import explain, parsers
from applications.facial_expression.config import Config
from applications.facial_expression.data import read_data
from applications.facial_expression.evaluate import PREDICTIONS
from applications.facial_expression.model import load_model
from applications.facial_expression.train import train_model

RECIPE = {"epochs": parsers.EPOCHS, "schedule": "cosine", "mirror": True}


@command.parsed_by(parsers.demo)
def main(options: argparse.Namespace) -> None:
    """Runs the demonstration."""
    began = time.perf_counter()
    recipe = {**RECIPE, "epochs": options.epochs}
    data = read_data(None, Config().shape)
    print(data.summary())
    accuracies = []
    for seed in options.seeds:
        config = Config(**recipe, seed=seed)
        folder = options.output / f"seed{seed}"
        predicted = _train_and_predict(config, data, folder, options.restart)
        accuracies.append(np.mean(predicted.argmax(axis=1) == data.test.labels))
        print(f"seed {seed}: test accuracy {accuracies[-1]:.4f}")
        _check_fresh_process(folder, predicted)
    sigmoid = Config(
        **recipe, seed=options.seeds[0], attention_activation="sigmoid"
    )
    folder = options.output / "sigmoid"
    predicted = _train_and_predict(sigmoid, data, folder, options.restart)
    accuracy = np.mean(predicted.argmax(axis=1) == data.test.labels)
    _draw(options.output, options.seeds[0])
    print(f"FERNet, mean of {len(accuracies)}: {np.mean(accuracies):.4f}")
    print(f"FERNet with the sigmoid:   {accuracy:.4f}")
    print(f"nearest class mean:        {nearest_mean(data):.4f}")
    print(f"{time.perf_counter() - began:.0f} s; see {options.output}")


def _train_and_predict(
    config: Config, data: Data, folder: Path, restart: bool
) -> np.ndarray:
    print(f"training {folder}")
    result = train_model(config, data, Run(folder, restart, verbose=2))
    if result.was_finished:
        print("this run was already finished; --restart starts it again")
    return load_model(folder).predict(data.test.images)


def _check_fresh_process(folder: Path, predicted: np.ndarray) -> None:
    """Compares with the predictions of the saved model in a new process."""
    module = "applications.facial_expression.evaluate"
    subprocess.run(
        [sys.executable, "-m", module, "--model", str(folder)], check=True
    )
    with (folder / PREDICTIONS).open(encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    again = np.array([row[3:] for row in rows], "float32")
    if not np.array_equal(again, predicted):
        worst = np.abs(again - predicted).max()
        raise ValueError(
            f"{folder}: the predictions of the reloaded model must be the "
            f"same. Received: a difference of up to {worst}"
        )
    print("a new process predicts the same probabilities, bit for bit")


def _draw(output: Path, seed: int) -> None:
    models = [str(output / f"seed{seed}"), str(output / "sigmoid")]
    path = str(output / "study.png")
    if explain.main(["--model", *models, "--output", path]):
        raise ValueError(f"{path}: could not be drawn")


def nearest_mean(data: Data) -> float:
    """Returns the test accuracy of a nearest class mean classifier."""

    def flat(images: np.ndarray) -> np.ndarray:
        return images.reshape(len(images), -1).astype("float32")

    train, test = flat(data.train.images), flat(data.test.images)
    means = np.stack(
        [
            train[data.train.labels == label].mean(axis=0)
            for label in range(len(data.class_names))
        ]
    )
    distances = ((test[:, None] - means) ** 2).sum(axis=-1)
    return float(np.mean(distances.argmin(axis=1) == data.test.labels))


if __name__ == "__main__":
    raise SystemExit(main())
