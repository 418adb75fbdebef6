"""Trains a network: `python -m applications.semantic_segmentation.train`."""

import argparse
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from applications.common import command, locks, results, resume
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


@command.parsed_by(parsers.train)
def main(options: argparse.Namespace) -> None:
    """Reads the command line and trains."""
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
    """Trains, and leaves the model, the log and the state in the folder.

    With validation scenes the model of the best mean IoU on these is kept;
    without, that of the last epoch: a choice by test scenes would flatter.

    Args:
        config: Settings.
        scenes: What to train and to validate on.
        run: Where and how.
        cache: Folder for what frozen layers see.
    """
    facts = {
        "class_names": scenes.class_names,
        "palette": scenes.palette.tolist(),
        "data_digest": scenes.digest(),
        "weights_digest": networks.digest_of(config.weights),
    }
    # Several outputs, whose metrics have their names.
    several = config.extra_supervision and len(config.scale_list) > 1

    def prepare(_: resume.ResumableTraining) -> Prepared:
        whole = networks.build_model(config, len(scenes.class_names))
        if config.weights == "hed":
            rescale(whole, _to_measure_on(scenes.train, config))
        names = list(whole.output) if several else None

        def labels_for(masks: np.ndarray) -> Any:
            return dict.fromkeys(names, masks) if several else masks

        if config.finetune:
            trained = whole
            source = _Crops(config, labels_for, run.workers)
        else:
            trunk, trained = networks.cut(whole, config)
            source = _Cached(
                config,
                labels_for,
                run.workers,
                trunk,
                cache,
                facts["data_digest"],
                run.verbose,
            )
        batches = source.training(scenes.train)
        validation = source.validation(scenes.validation or [])
        _compile(trained, config, scenes, len(batches), names)
        return Prepared(trained, batches, validation, kept=whole)

    monitor = "val_merged_mean_iou" if several else "val_mean_iou"
    return train(
        config, facts, run, prepare, monitor if scenes.validation else None
    )


def _to_measure_on(scenes: list[Scene], config: Config) -> Iterator[np.ndarray]:
    """Yields a few scenes, evenly spread, as the network reads them."""
    data_format = keras.config.image_data_format()
    for index in np.linspace(0, len(scenes) - 1, MEASURED).astype(int):
        image, _ = read_view(scenes, View(index, 0, False), config.tile)
        yield preprocess(image[None], data_format)


@dataclasses.dataclass(frozen=True)
class _Crops:
    """Makes batches for all weights: new crops in each epoch."""

    config: Config
    labels_for: Callable[[np.ndarray], Any]
    workers: int

    def training(self, scenes: list[Scene]) -> Crops:
        """Returns batches to train on."""
        return Crops(
            scenes,
            self.config.tile,
            self.config.batch_size,
            self.config.seed,
            self.labels_for,
            self.workers,
        )

    def validation(self, scenes: list[Scene]) -> Pieces | None:
        """Returns batches to validate on, if there are scenes."""
        if not scenes:
            return None
        return Pieces(
            scenes,
            self.config.tile,
            self.config.batch_size,
            self.labels_for,
            self.workers,
        )


@dataclasses.dataclass(frozen=True)
class _Cached:
    """Makes batches of what frozen layers see."""

    config: Config
    labels_for: Callable[[np.ndarray], Any]
    workers: int
    trunk: keras.Model
    cache: Path
    data_digest: str
    verbose: int | str

    def training(self, scenes: list[Scene]) -> Features:
        """Returns batches to train on."""
        config = self.config
        views = views_of(scenes, config.views, config.mirror)
        return self._batches(scenes, views, "train", config.seed)

    def validation(self, scenes: list[Scene]) -> Features | None:
        """Returns batches to validate on, if there are scenes."""
        if not scenes:
            return None
        views = views_of(scenes, 1, mirror=False)
        return self._batches(scenes, views, "validation", None)

    def _batches(
        self,
        scenes: list[Scene],
        views: list[View],
        part: str,
        order: int | None,
    ) -> Features:
        config = self.config
        arrays, masks = features_of(
            self.trunk,
            scenes,
            views,
            config.tile,
            self.cache,
            {
                "data": self.data_digest,
                "part": part,
                "mixed_precision": config.mixed_precision,
                "scales": config.scales,
                "skips": config.skips,
            },
            self.verbose,
        )
        return Features(
            arrays,
            masks,
            config.batch_size,
            order,
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


if __name__ == "__main__":
    raise SystemExit(main())
