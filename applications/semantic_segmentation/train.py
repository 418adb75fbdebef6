"""Trains DeepLab: `python -m applications.semantic_segmentation.train`."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from applications.common import command, locks, results, resume
from applications.common.batches import OrderedBatches
from applications.common.training import Prepared, Run, train
from applications.semantic_segmentation import model as networks
from applications.semantic_segmentation import parsers
from applications.semantic_segmentation.cache import features_of
from applications.semantic_segmentation.config import Config
from applications.semantic_segmentation.rescaling import rescale
from applications.semantic_segmentation.scenes import Scene, Scenes
from applications.semantic_segmentation.source import read_for
from applications.semantic_segmentation.views import (
    Crops,
    Features,
    View,
    class_weights,
    preprocess,
    read_view,
    views_of,
)
from keras_attn.applications import deeplab

# Scenes to measure features on, for rescaling.
MEASURED = 8


@command.parsed_by(parsers.train)
def main(options: argparse.Namespace) -> None:
    """Trains a network."""
    config = Config.from_options(options)
    locks.check_free(options.output)
    scenes = read_for(config, options.skip_bad, options.workers)
    print(scenes.summary())
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


def train_model(
    config: Config, scenes: Scenes, run: Run, cache: Path
) -> results.Result:
    """Trains, and writes the model, the log and the state to the folder.

    With validation scenes, the model with the best mean IoU on them is saved,
    otherwise the model of the last epoch. Choosing by the test scenes would
    bias their scores.

    Args:
        config: Settings of the run.
        scenes: Training and validation scenes.
        run: Where and how to train.
        cache: Folder for the features of frozen layers.
    """
    facts = {
        "class_names": scenes.class_names,
        "palette": scenes.palette.tolist(),
        "data_digest": scenes.digest(),
        "weights_digest": networks.digest_of(config.weights),
    }
    # Facts that determine the features of frozen layers.
    cached = {"data": facts["data_digest"], "scales": config.scales}
    cached["mixed_precision"] = config.mixed_precision
    cached["skips"] = config.skips
    # Several outputs; the names of their metrics start with those of outputs.
    several = config.extra_supervision and len(config.scale_list) > 1

    def prepare(_: resume.ResumableTraining) -> Prepared:
        whole = networks.build_model(config, len(scenes.class_names))
        if config.weights == "hed":
            rescale(whole, _to_measure_on(scenes.train, config))
        names = list(whole.output) if several else None

        def labels_for(masks: np.ndarray) -> Any:
            return dict.fromkeys(names, masks) if several else masks

        trunk, trained = None, whole
        if not config.finetune:
            trunk, trained = networks.cut(whole, config)
        common = {"labels_for": labels_for, "workers": run.workers}

        def batches(name: str) -> OrderedBatches | None:
            part, is_training = getattr(scenes, name), name == "train"
            if not part:
                return None
            size, seed = config.batch_size, config.seed if is_training else None
            if trunk is None:
                return Crops(part, config.tile, size, seed, **common)
            views = views_of(part, 1, mirror=False)
            if is_training:
                views = views_of(part, config.views, config.mirror)
            decide = {**cached, "part": name}
            arrays, masks = features_of(
                trunk, part, views, config.tile, cache, decide, run.verbose
            )
            return Features(arrays, masks, size, seed, **common)

        shown, validation = batches("train"), batches("validation")
        _compile(trained, config, scenes, len(shown), names)
        return Prepared(trained, shown, validation, kept=whole)

    monitor = "val_merged_mean_iou" if several else "val_mean_iou"
    return train(
        config, facts, run, prepare, monitor if scenes.validation else None
    )


def _to_measure_on(scenes: list[Scene], config: Config) -> Iterator[np.ndarray]:
    """Yields a few evenly spread scenes, preprocessed."""
    data_format = keras.config.image_data_format()
    for index in np.linspace(0, len(scenes) - 1, MEASURED).astype(int):
        image, _ = read_view(scenes, View(index, 0, False), config.tile)
        yield preprocess(image[None], data_format)


def _compile(
    model: keras.Model,
    config: Config,
    scenes: Scenes,
    steps: int,
    names: list[str] | None,
) -> None:
    """Compiles a model, and builds all that a state is loaded into."""
    classes = len(scenes.class_names)
    weights = None
    if config.class_weights:
        weights = class_weights(
            [scene.mask() for scene in scenes.train], classes
        )
    metric = deeplab.MeanIoU(classes)
    model.compile(
        _optimizer(config, config.epochs * steps),
        deeplab.SegmentationCrossentropy(
            from_logits=True, class_weights=weights
        ),
        metrics={"merged": [metric]} if names else [metric],
    )
    first = keras.config.image_data_format() == "channels_first"
    scores = np.zeros((1, classes, 2, 2) if first else (1, 2, 2, classes))
    labels = np.zeros((1, 2, 2), "uint8")
    scores = keras.ops.convert_to_tensor(scores, "float32")
    if names:
        labels, scores = (dict.fromkeys(names, x) for x in (labels, scores))
    resume.build_all(model, labels, scores)


def _optimizer(config: Config, steps: int) -> keras.optimizers.Optimizer:
    rate = config.learning_rate
    if config.schedule == "poly":
        rate = keras.optimizers.schedules.PolynomialDecay(
            rate, steps, end_learning_rate=0.0, power=0.9
        )
    if config.optimizer == "sgd":
        return deeplab.SGD(rate, weight_decay=config.weight_decay)
    return keras.optimizers.AdamW(rate, weight_decay=config.weight_decay)


if __name__ == "__main__":
    raise SystemExit(main())
