"""Draws learned features: `-m applications.feature_visualization.visualize`."""

import argparse
from pathlib import Path

import keras
import numpy as np

from applications.common import command, runs
from applications.common.batches import arranged
from applications.common.classifiers import Classifier
from applications.common.crops import centre
from applications.common.extras import optional
from applications.common.images import image_files, read_files
from applications.common.problems import Problems
from applications.feature_visualization import (
    figures,
    filters,
    parsers,
    photographs,
)
from applications.feature_visualization.config import DEFAULT_RUN
from applications.feature_visualization.evaluate import read_part
from applications.feature_visualization.figures import Subject
from applications.feature_visualization.model import load_model
from applications.semantic_segmentation.vgg16 import build_vgg16
from keras_attn.applications import deeplab

# Images per batch; the maps of a photograph in VGG16 need about 100 MB.
BATCH, LARGE_BATCH = 128, 4
# Smaller images leave one pixel in the last maps; larger ones need much memory.
SIZES = 32, 512


@command.parsed_by(parsers.visualize)
def main(options: argparse.Namespace) -> None:
    """Draws what the feature maps of a network respond to."""
    _check(options)
    subject = _vgg16(options) if options.vgg16 else _run(options)
    beside = {}
    if options.beside is not None:
        other = load_model(options.beside)
        name = f"{options.beside}: {_title(other)}"
        beside[name] = figures.first_kernel(other.model)
    layers = options.layers or figures.stage_ends(subject.model)
    # Fails before the work.
    for layer in layers:
        figures.up_to(subject.model, layer)
    run = Path(DEFAULT_RUN) if options.vgg16 else options.model
    output = options.output or runs.folder_of(run) / parsers.DRAWINGS
    path = output / "filters.png"
    kernel = figures.first_kernel(subject.model, subject.is_bgr)
    filters.draw_filters(kernel, path, subject.title, beside)
    print(f"wrote {path}", flush=True)
    for layer in dict.fromkeys(layers):
        found = figures.find_features(subject, layer, options.channels)
        for each in found:
            names = [
                f"{subject.names[index]} {value:.4g}"
                for index, value in zip(each.images, each.values, strict=True)
            ]
            print(f"{layer}\tmap {each.channel}\t{', '.join(names)}")
        path = output / f"features_{layer}.png"
        figures.draw_features(found, layer, path)
        print(f"wrote {path}", flush=True)
    if subject.class_names and options.occlude:
        path = output / "occlusion.png"
        hidden = figures.find_occlusions(subject, options.occlude)
        figures.draw_occlusions(subject, hidden, path)
        print(f"wrote {path}")


def _check(options: argparse.Namespace) -> None:
    optional("matplotlib.figure", "images")
    low, high = SIZES
    if not low <= options.size <= high:
        raise ValueError(
            f"--size must be {low} to {high}. Received: {options.size}"
        )
    if options.occlude < 0:
        raise ValueError(
            f"--occlude must be 0 or more. Received: {options.occlude}"
        )
    channels = options.channels or ()
    if min(channels, default=0) < 0 or len(set(channels)) < len(channels):
        raise ValueError(
            "--channels must be 0 or more, without repetitions. Received: "
            f"{' '.join(map(str, channels))}"
        )


def _title(loaded: Classifier) -> str:
    """Returns a title with the limit of a run's filters."""
    limit = loaded.config.constraint
    return f"RMS limited to {limit:g}" if limit else "no limit on the RMS"


def _run(options: argparse.Namespace) -> Subject:
    """Returns the network of a run with its data or with other images."""
    loaded = load_model(options.model)
    config = loaded.config
    if options.images:
        paths = image_files(options.images)
        images, files = read_files(
            paths, config.shape, options.skip_bad, options.workers
        )
        names = [Path(each).stem for each in files]
    else:
        part = read_part(loaded, options)
        images = part.images
        names = [
            f"{loaded.class_names[label]} {index}"
            for index, label in enumerate(part.labels)
        ]

    return Subject(
        loaded.model,
        centre(images, config.seen),
        names,
        f"{options.model}: {_title(loaded)}",
        loaded.prepare,
        BATCH,
        class_names=loaded.class_names,
    )


def _vgg16(options: argparse.Namespace) -> Subject:
    """Returns VGG16 with photographs."""
    given = options.images
    paths = image_files(given) if given else photographs.shipped()
    problems = Problems(options.skip_bad)
    images, names = photographs.read_photographs(paths, options.size, problems)
    data_format = keras.config.image_data_format()

    def prepare(images: np.ndarray) -> np.ndarray:
        images = arranged(images, data_format)
        return deeplab.preprocess_input(images, data_format, mode="caffe")

    model = build_vgg16(options.size)
    return Subject(
        model, images, names, "VGG16", prepare, LARGE_BATCH, is_bgr=True
    )


if __name__ == "__main__":
    raise SystemExit(main())
