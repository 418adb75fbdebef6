"""Settings of a training on a folder of images or on Fashion-MNIST."""

import dataclasses

from applications.common.parsing import DATA
from applications.common.settings import POSITIVE, Settings, setting

# For `--help`: the size without the option, up to a limit.
SIZE = "the median of the shorter sides, at most {}"


@dataclasses.dataclass(frozen=True)
class ImageSettings(Settings):
    """Settings for reading images; `chosen` derives some from the data."""

    data: str | None = setting(
        None,
        "folder with one folder of images per class, which is split 70:15:15 "
        "by the seed unless it has folders for the parts, or folder with the "
        "four files of Fashion-MNIST",
        derived="Fashion-MNIST, from Debian's package dataset-fashion-mnist "
        "if it is installed, otherwise downloaded",
    )
    batch_size: int = setting(
        128,
        derived="a power of two with at least ten batches per epoch, smaller "
        "for large images",
    )
    size: int = setting(
        28, "height and width that images are resized to", POSITIVE, group=DATA
    )
    channels: int = setting(
        1,
        "1 for grey, 3 for colour",
        choices=(1, 3),
        derived="3 if any image is in colour",
        group=DATA,
    )
    validation: bool = setting(
        False,
        "use the last twelfth of the training images for validation: 5,000 of "
        "Fashion-MNIST, or the last twelfth of each class of a folder",
        group=DATA,
    )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels that images are resized to."""
        return (self.size, self.size, self.channels)
