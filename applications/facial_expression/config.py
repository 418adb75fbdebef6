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
    SEVERAL,
    WARMUP,
    Rule,
    Settings,
    setting,
)

DEFAULT_RUN = "runs/facial_expression"
# Required by the four poolings.
MULTIPLE = Rule("16, 32, 48, ...", lambda x, _: x >= 16 and x % 16 == 0)


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of a training of FERNet."""

    data: str | None = setting(
        None,
        "FER2013 csv, or a folder with one folder of images per class, which "
        "is split 70:15:15 by --seed unless it has folders for the parts",
        derived="the 200 images of scikit-image, faces and non-faces",
    )
    epochs: int = 20
    batch_size: int = setting(25, "", SEVERAL)
    learning_rate: float = setting(1e-3, "highest learning rate of Adam")
    seed: int = setting(
        0, "seed of the weights, the order, the augmentation and the data split"
    )
    size: int = setting(
        48,
        "height and width that images are resized to, a multiple of 16",
        MULTIPLE,
        group=DATA,
    )
    channels: int = setting(
        1, "1 for grey, 3 for colour", choices=(1, 3), group=DATA
    )
    ratio: int = setting(
        4, "channel reduction in FeatureAct", POSITIVE, group=NETWORK
    )
    attention_activation: str = setting(
        "none",
        "activation of the correlation in FeatureAct",
        choices=("none", "sigmoid"),
        group=NETWORK,
    )
    schedule: str = setting(
        "constant",
        "learning rate schedule",
        choices=("constant", "cosine"),
        group=TRAINING,
    )
    warmup_epochs: int = setting(
        0,
        "epochs in which the learning rate rises linearly from 0",
        WARMUP,
        group=TRAINING,
    )
    augment: bool = setting(
        False,
        "flip, shift, rotate and brighten images at random",
        group=AUGMENTATION,
    )
    mirror: bool = setting(
        False,
        "also train on the mirror image of each training image",
        group=AUGMENTATION,
    )
    class_weights: bool = setting(
        False, "give all classes the same weight in the loss", group=TRAINING
    )
    early_stopping: int = setting(
        0,
        "stop after this many epochs without a better validation accuracy; "
        "0: never",
        NOT_NEGATIVE,
        group=TRAINING,
    )
    hold_out: float = setting(
        0.0,
        "fraction of the training images used for validation, for data "
        "without a validation part",
        FRACTION,
        group=DATA,
    )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images."""
        return (self.size, self.size, self.channels)
