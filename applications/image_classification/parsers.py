"""Parsers of this task's commands; nothing here imports Keras."""

import argparse
from pathlib import Path

from applications.common import command
from applications.common.parsing import (
    DATA,
    EXPLANATION,
    NETWORK,
    OUTPUT,
    TRAINING,
    Parser,
)
from applications.image_classification import classifier_options
from applications.image_classification.config import (
    ATTENTIONS,
    DEFAULT_RUN,
    Config,
)

# Names on the command line, and classes of `keras_attn.explain`.
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
# For transformers only.
ROLLOUT = "attention_rollout"
# The file that `explain` draws.
DRAWING = "explain.png"


def train() -> Parser:
    """Returns the parser of `train`."""
    return command.training_parser(
        "Trains a ResNet with any attention block, or a ViT, on your images.",
        Config,
        DEFAULT_RUN,
        [
            (
                "Train a small ResNet with ECA on Fashion-MNIST.",
                "--attention eca --arguments depth=8 --mirror",
            ),
            (
                "Train on your own images, one folder per class.",
                "--data photos/ --network ResNet18 --attention cbam "
                "--padding 16 --mirror --validation --output runs/photos",
            ),
            (
                "Train only the classifier of a pretrained network.",
                "--data photos/ --network ResNet50 --size 224 --channels 3 "
                "--input-range imagenet --weights resnet50.safetensors "
                "--frozen --padding 0",
            ),
        ],
    )


def evaluate() -> Parser:
    """Returns the parser of `evaluate`."""
    made = classifier_options.model_parser(
        "Prints the accuracy, recall and F1 of any saved classifier. Draws "
        "the confusion matrix.",
        [
            ("Measure the network that train saves by default.", ""),
            (
                "Measure another Keras model on your own images.",
                "--model classifier.keras --input-range imagenet "
                "--data photos/ --output scores",
            ),
        ],
    )
    command.add_source(made)
    command.add_data_options(made)
    command.add_output(made, "folder for the drawing and the scores")
    return made


def predict() -> Parser:
    """Returns the parser of `predict`."""
    made = classifier_options.model_parser(
        "Prints the most probable classes of each image. Works with any saved "
        "classifier. Each line has the file, the class and its probability, "
        "separated by tabs.",
        [
            (
                "Print the three most probable classes of each image.",
                "--model runs/photos --images a.jpg more/ --top 3",
            ),
            (
                "The same for ImageNet's classes, with a trained network.",
                "--model efficientnet_lite0 --images a.jpg more/ --top 3",
            ),
        ],
    )
    classifier_options.add_images(made)
    command.add_data_options(made)
    command.add_top(made)
    return made


def explain() -> Parser:
    """Returns the parser of `explain`."""
    made = classifier_options.model_parser(
        "Draws which parts of an image any saved classifier looks at. Captions "
        "have the predicted class, and the true class where it is known. "
        "Prints for each image the explained class, its probability, and the "
        "row and column where each map is highest, in pixels of the image at "
        "the size that the model reads.",
        [
            ("Explain test images of the network that train saves.", ""),
            (
                "Compare two methods on your own images.",
                "--model classifier.keras --input-range imagenet "
                "--images photos/ a.jpg --class-names names.txt "
                "--method grad_cam layer_cam --output maps.png",
            ),
        ],
    )
    classifier_options.add_images(made, required=False)
    command.add_source(made)
    _add_method_options(made)
    made.add_argument(
        "--limit",
        type=int,
        default=16,
        group=DATA,
        help="largest number of images to explain",
    )
    command.add_data_options(made)
    command.add_output(
        made,
        "drawing to write: .png, .svg or .pdf; more than 16 images are drawn "
        "into several numbered files",
        DRAWING,
    )
    return made


def study() -> Parser:
    """Returns the parser of `study`."""
    made = Parser(
        "Compares attention blocks with one recipe and several seeds. Writes "
        "one line of JSON per run with the test accuracy, the parameters and "
        "the seconds, and prints a table of the blocks. A study that was "
        "interrupted resumes when it is started again.",
        [
            (
                "Compare two blocks with a network without attention.",
                "--attentions none se eca --arguments depth=8 --mirror",
            ),
            (
                "Compare all blocks on your own images.",
                "--data photos/ --size 32 --seeds 0 1 2 3 4 "
                "--output runs/blocks",
            ),
        ],
    )
    made.add_argument(
        "--attentions",
        nargs="+",
        metavar="NAME",
        derived="all",
        group=NETWORK,
        help=f"attention blocks to compare: none, {', '.join(ATTENTIONS)}",
    )
    made.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[0, 1, 2],
        group=TRAINING,
        help="one network is trained per block and seed",
    )
    Config.add_options(made, without=("attention", "seed"))
    command.add_data_options(made)
    command.add_run_options(made, "runs/image_classification/study")
    return made


def gallery() -> Parser:
    """Returns the parser of `gallery`."""
    made = Parser(
        "Draws where two trained networks look, on free photographs. The "
        "networks are those of packages from PyPI.",
        [("Draw into runs/image_classification/gallery.", "--backend jax")],
    )
    folder = Path("runs/image_classification/gallery")
    command.add_output(made, "folder for the pictures", folder)
    made.add_argument(
        "--page",
        type=Path,
        group=OUTPUT,
        help="Markdown file to write, which shows the pictures",
    )
    made.add_argument(
        "--photos",
        action="store_true",
        group=DATA,
        help="also draw the photographs of the package foolbox, which may not "
        "be published; --output must be outside the repository or in runs/",
    )
    return made


def check_positive(options: argparse.Namespace, *names: str) -> None:
    """Checks options that must be 1 or more."""
    for name in names:
        value = getattr(options, name)
        if value < 1:
            name = name.replace("_", "-")
            raise ValueError(f"--{name} must be 1 or more. Received: {value}")


def _add_method_options(made: Parser) -> None:
    made.add_argument(
        "--method",
        nargs="+",
        choices=(*METHODS, ROLLOUT),
        default=["grad_cam"],
        group=EXPLANATION,
        help=f"methods to draw, one column each, {ROLLOUT} only for "
        "transformers",
    )
    made.add_argument(
        "--layer",
        nargs="+",
        metavar="NAME",
        derived="the last feature map",
        group=EXPLANATION,
        help="names of layers, or paths such as inner/conv5; the maps of "
        "several layers are averaged",
    )
    made.add_argument(
        "--target",
        metavar="CLASS",
        derived="the predicted class",
        group=EXPLANATION,
        help="name or index of the class to explain",
    )
    for name, text in (
        ("aug", "average over mirrored, darker and lighter images"),
        ("eigen", "use the first principal component instead of the sum"),
    ):
        made.add_argument(
            f"--{name}-smooth",
            action="store_true",
            group=EXPLANATION,
            help=text,
        )
