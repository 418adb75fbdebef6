"""Trains a network, from the start or from where it was."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from applications.common import resume, runs
from applications.common.batches import StartEpochs
from applications.semantic_segmentation import model as networks
from applications.semantic_segmentation.cache import features_of
from applications.semantic_segmentation.config import Config
from applications.semantic_segmentation.rescaling import rescale
from applications.semantic_segmentation.scenes import Scene, Scenes
from applications.semantic_segmentation.views import (
    Crops,
    Features,
    Pieces,
    View,
    class_weights,
    preprocess,
    read_view,
    views_of,
)
from keras_attn.applications import deeplab

# Scenes by which features are rescaled.
MEASURED = 8


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run has come to."""

    history: list[dict[str, Any]]
    was_finished: bool


def train_model(
    config: Config,
    scenes: Scenes,
    folder: Path,
    cache: Path,
    restart: bool = False,
    workers: int = 1,
    verbose: int = 1,
) -> Result:
    """Trains, and leaves the model, the log and the state in the folder.

    With validation scenes the model of the best mean IoU on these is kept;
    without, that of the last epoch: a choice by test scenes would flatter.
    """
    facts = {
        "settings": config.to_dict(),
        "backend": keras.backend.backend(),
        "class_names": scenes.class_names,
        "palette": scenes.palette.tolist(),
        "data_digest": scenes.digest(),
        "weights_digest": networks.digest_of(config.weights),
    }
    runs.open_run(folder, facts, restart)
    if config.mixed_precision != "none":
        keras.config.set_dtype_policy(f"mixed_{config.mixed_precision}")
    keras.utils.set_random_seed(config.seed)
    whole = networks.build_model(config, len(scenes.class_names))
    if config.weights == "hed":
        rescale(whole, _to_measure_on(scenes.train, config))
    names = list(whole.output) if isinstance(whole.output, dict) else None
    monitor = None
    if scenes.validation:
        monitor = "val_merged_mean_iou" if names else "val_mean_iou"
    training = resume.ResumableTraining(
        folder, config.epochs, monitor, kept=whole
    )
    if training.finished:
        return Result(training.history, was_finished=True)

    def labels_for(masks: np.ndarray) -> Any:
        return dict.fromkeys(names, masks) if names else masks

    if config.finetune:
        trained = whole
        batches = Crops(
            scenes.train,
            config.tile,
            config.batch_size,
            config.seed,
            labels_for,
            workers,
        )
        validation = None
        if scenes.validation:
            validation = Pieces(
                scenes.validation,
                config.tile,
                config.batch_size,
                labels_for,
                workers,
            )
    else:
        trunk, trained = networks.cut(whole, config)
        source = _Source(trunk, config, cache, facts, labels_for, workers)
        batches = source.batches(scenes.train, verbose)
        validation = None
        if scenes.validation:
            validation = source.batches(scenes.validation, verbose, False)
    _compile(trained, config, scenes, len(batches), names)
    epoch = training.restore(trained)
    if epoch:
        print(f"going on after epoch {epoch} of {config.epochs}")
    trained.fit(
        batches,
        validation_data=validation,
        initial_epoch=epoch,
        epochs=config.epochs,
        callbacks=[StartEpochs(batches), training],
        # Keras would shuffle by a generator that no state is kept of.
        shuffle=False,
        verbose=verbose,
    )
    return Result(training.history, was_finished=False)


def _to_measure_on(scenes: list[Scene], config: Config) -> Iterator[np.ndarray]:
    """Yields a few scenes, evenly spread, as the network reads them."""
    data_format = keras.config.image_data_format()
    for index in np.linspace(0, len(scenes) - 1, MEASURED).astype(int):
        image, _ = read_view(scenes, View(index, 0, False), config.tile, 0)
        yield preprocess(image[None], data_format)


@dataclasses.dataclass(frozen=True)
class _Source:
    """Makes batches of what frozen layers see."""

    trunk: keras.Model
    config: Config
    cache: Path
    facts: dict[str, Any]
    labels_for: Callable[[np.ndarray], Any]
    workers: int

    def batches(
        self, scenes: list[Scene], verbose: int, training: bool = True
    ) -> Features:
        """Returns batches of scenes, shuffled and varied in training."""
        config = self.config
        views = views_of(
            scenes,
            config.views if training else 1,
            config.mirror and training,
        )
        arrays, masks = features_of(
            self.trunk,
            scenes,
            views,
            config.tile,
            config.seed if config.views > 1 else 0,
            self.cache,
            {
                "data": self.facts["data_digest"],
                "part": "train" if training else "validation",
                "mixed_precision": config.mixed_precision,
                "scales": config.scales,
                "skips": config.skips,
            },
            verbose,
        )
        return Features(
            arrays,
            masks,
            config.batch_size,
            config.seed if training else None,
            self.labels_for,
            self.workers,
        )


def _compile(
    model: keras.Model,
    config: Config,
    scenes: Scenes,
    steps: int,
    names: list[str] | None,
) -> None:
    """Compiles, and builds what a state is loaded into."""
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
