"""Options of the commands that read a saved classifier and images."""

from pathlib import Path

from applications.common.parsing import (
    DATA,
    DEVICE,
    NETWORK,
    Examples,
    Parser,
)
from applications.image_classification.config import DEFAULT_RUN

# Names on the command line, and functions of `packaged`.
NETWORKS = {"efficientnet_lite0": "imagenet", "mini_xception": "expressions"}
INPUT_RANGES = ("0,255", "0,1", "-1,1", "imagenet", "caffe")


def add_images(made: Parser, required: bool = True) -> None:
    """Adds the option for image files."""
    made.add_argument(
        "--images",
        type=Path,
        nargs="+",
        required=required,
        derived="" if required else "--part of --data, evenly by class",
        group=DATA,
        help="image files, or folders of them",
    )


def model_parser(description: str, examples: Examples) -> Parser:
    """Returns a parser with the options of the model and its images."""
    made = Parser(description, examples)
    made.add_argument(
        "--model",
        type=Path,
        default=Path(DEFAULT_RUN),
        group=NETWORK,
        help="folder of a run, a .keras, .h5 or .hdf5 file, or a network of a "
        f"package from PyPI: {', '.join(NETWORKS)}",
    )
    made.add_argument(
        "--class-names",
        nargs="+",
        metavar="NAME",
        derived="those of the run or the package, or indices",
        group=NETWORK,
        help="names in the order of the classes, or a text file with one name "
        "per line",
    )
    made.add_argument(
        "--input-range",
        choices=INPUT_RANGES,
        metavar="RANGE",
        derived="inferred if the first layer scales pixels, as in runs of this "
        "task, otherwise required",
        group=NETWORK,
        help="range to which pixels of [0, 255] are scaled for the model, "
        "where imagenet is (pixel / 255 - mean) / std as in torchvision, and "
        "caffe is blue, green, red minus their means",
    )
    made.add_argument(
        "--size",
        type=int,
        nargs=2,
        metavar=("HEIGHT", "WIDTH"),
        derived="the input size of the model",
        group=DATA,
        help="size of the images, for a model that takes any size",
    )
    made.add_argument(
        "--batch-size",
        type=int,
        default=32,
        group=DEVICE,
        help="images that the model reads at once",
    )
    return made
