"""Trains ZF-Net: `python -m applications.feature_visualization.train`."""

import argparse

import keras

from applications.common import chosen, command, results, resume
from applications.common.crops import Crops
from applications.common.parts import Data, Part
from applications.common.training import Prepared, Run, train_classifier
from applications.feature_visualization import parsers
from applications.feature_visualization.config import LARGEST, Config
from applications.feature_visualization.model import MEAN, build_model
from applications.feature_visualization.plateau import Plateau


@command.parsed_by(parsers.train)
def main(options: argparse.Namespace) -> None:
    """Trains a network."""
    chosen.train(Config, options, LARGEST, train_model)


def train_model(config: Config, data: Data, run: Run) -> results.Result:
    """Trains, and writes the model, the log and the state to the folder."""

    def prepare(training: resume.ResumableTraining) -> Prepared:
        batches = _batches(config, data.train, config.seed, run.workers)
        validation = None
        if data.validates:
            validation = _batches(config, data.validation, None, run.workers)
        model = build_model(config, len(data.class_names), len(batches))
        resume.build_all(model)
        callbacks = []
        if config.schedule == "plateau":
            loss = "val_loss" if data.validates else "loss"
            callbacks.append(
                Plateau(training, loss, config.learning_rate, config.patience)
            )

        def begin() -> None:
            # The mean of the centre crops does not depend on chance.
            centres = _batches(config, data.train, None, workers=1)
            model.get_layer(MEAN).adapt(centres)

        return Prepared(model, batches, validation, callbacks, begin=begin)

    return train_classifier(config, data, run, prepare)


def _batches(
    config: Config, part: Part, seed: int | None, workers: int
) -> Crops:
    """Returns random crops of a part, or centre crops without a seed."""
    return Crops(
        part,
        config.batch_size,
        config.crop,
        seed,
        keras.config.image_data_format(),
        workers,
    )


if __name__ == "__main__":
    raise SystemExit(main())
