"""Settings of a training on a folder of images, or on Fashion-MNIST."""

import dataclasses

from applications.common.settings import POSITIVE, Settings, setting

# Where a size comes from that no option gives, and the most that it may be.
SIZE = "from the data: the median of their shorter sides, at most {}"


@dataclasses.dataclass(frozen=True)
class ImageSettings(Settings):
    """Which images are read, and how; `chosen` derives some of it."""

    data: str | None = setting(
        None,
        "folder with a folder of images for each class, or with the four files "
        "of Fashion-MNIST; without it Fashion-MNIST as Debian's package "
        "dataset-fashion-mnist installs it, or else as Keras downloads it",
    )
    batch_size: int = setting(
        128,
        derived="from the data: ten batches an epoch or more, fewer images a "
        "batch where these are large",
    )
    size: int = setting(
        28, "height and width that images are resized to", POSITIVE
    )
    channels: int = setting(
        1, "1 for grey, 3 for colour", choices=(1, 3), derived="from the data"
    )
    validation: bool = setting(
        False,
        "take the last twelfth of the training images away to validate with: "
        "5,000 of Fashion-MNIST; of a folder, that of each class",
    )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels that images are resized to."""
        return (self.size, self.size, self.channels)
