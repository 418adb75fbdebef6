"""Trains FERNet: `python -m applications.facial_expression.train`."""

import argparse

import keras

from applications.common import command, locks, results, resume
from applications.common.batches import Batches
from applications.common.parts import Data, balanced_weights
from applications.common.training import (
    MONITOR,
    Prepared,
    Run,
    train_classifier,
)
from applications.facial_expression import parsers
from applications.facial_expression.config import Config
from applications.facial_expression.data import read_for
from applications.facial_expression.model import build_model
from keras_attn.applications import fernet


@command.parsed_by(parsers.train)
def main(options: argparse.Namespace) -> None:
    """Trains a network."""
    config = Config.from_options(options)
    locks.check_free(options.output)
    data = read_for(config, options)
    print(data.summary())
    kind = "grey" if config.channels == 1 else "colour"
    print(f"resized to {kind} images of {config.size} x {config.size} pixels")
    result = train_model(config, data, Run.from_options(options))
    results.report(result, options.output, results.accuracies(result))


def train_model(config: Config, data: Data, run: Run) -> results.Result:
    """Trains, and writes the model, the log and the state to the folder."""
    stopping = None
    if config.early_stopping:
        if not data.validates:
            raise ValueError(
                "--early-stopping needs validation images, but the data has "
                "none. Use a fraction of the training images with --hold-out"
            )
        stopping = keras.callbacks.EarlyStopping(
            MONITOR, mode="max", patience=config.early_stopping
        )

    def prepare(_: resume.ResumableTraining) -> Prepared:
        batches, validation = _batches(config, data, run.workers)
        classes = len(data.class_names)
        model = build_model(config, classes, len(batches))
        resume.build_all(model)
        weights = None
        if config.class_weights:
            weights = balanced_weights(data.train.labels, classes)
        return Prepared(model, batches, validation, class_weight=weights)

    return train_classifier(config, data, run, prepare, early_stopping=stopping)


def _batches(
    config: Config, data: Data, workers: int
) -> tuple[Batches, Batches | None]:
    """Returns the shuffled training batches and the validation batches."""
    common = {
        "preprocess": fernet.preprocess_input,
        "data_format": keras.config.image_data_format(),
        "workers": workers,
    }
    images = data.train.with_mirrored() if config.mirror else data.train
    training = Batches(images, config.batch_size, seed=config.seed, **common)
    if not data.validates:
        return training, None
    return training, Batches(data.validation, config.batch_size, **common)


if __name__ == "__main__":
    raise SystemExit(main())
