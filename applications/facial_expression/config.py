"""All that decides the result of a training run."""

import dataclasses

from applications.common.settings import (
    NOT_NEGATIVE,
    POSITIVE,
    SEVERAL,
    SHARE,
    WARMUP,
    Rule,
    Settings,
    setting,
)

DEFAULT_RUN = "runs/facial_expression"
# Of the four poolings.
MULTIPLE = Rule("16, 32, 48, ..", lambda x, _: x >= 16 and x % 16 == 0)


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of a training of FERNet."""

    data: str | None = setting(
        None,
        "FER2013 csv, or a folder with a folder of images for each class; "
        "without it the 200 faces and not-faces of scikit-image",
    )
    epochs: int = 20
    batch_size: int = setting(25, "", SEVERAL)
    learning_rate: float = setting(1e-3, "of Adam, at its highest")
    seed: int = setting(
        0, "of weights, order, augmentation and division of folders"
    )
    size: int = setting(
        48,
        "height and width that images are resized to, a multiple of 16",
        MULTIPLE,
    )
    channels: int = setting(1, "1 for grey, 3 for colour", choices=(1, 3))
    ratio: int = setting(4, "reduction of channels in FeatureAct", POSITIVE)
    attention_activation: str = setting(
        "none",
        "activation on FeatureAct's correlation",
        choices=("none", "sigmoid"),
    )
    schedule: str = setting(
        "constant",
        "of the learning rate over the run",
        choices=("constant", "cosine"),
    )
    warmup_epochs: int = setting(
        0, "epochs in which the learning rate rises from 0", WARMUP
    )
    augment: bool = setting(
        False, "flip, shift, turn, brighten images at random"
    )
    mirror: bool = setting(
        False, "train on the mirror image of each training image too"
    )
    class_weights: bool = setting(
        False, "let each class count the same in the loss"
    )
    early_stopping: int = setting(
        0,
        "stop after so many epochs without a better validation accuracy; 0: "
        "never",
        NOT_NEGATIVE,
    )
    hold_out: float = setting(
        0.0,
        "share of the training images used for validation, for data without a "
        "validation part",
        SHARE,
    )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images."""
        return (self.size, self.size, self.channels)
