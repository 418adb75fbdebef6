"""Writes the page that shows the pictures of the gallery."""

import os
import sys
import textwrap
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import keras

from applications.common.machine import measured
from applications.image_classification import packaged
from applications.image_classification.sections import Section

COMMAND = "python -m applications.image_classification.gallery"
WIDTH = 84


def page(sections: Sequence[Section], folder: Path, path: Path) -> str:
    """Returns the Markdown page.

    Args:
        sections: Sections of the page.
        folder: Folder of the pictures.
        path: Path of the page.
    """
    made = f"{COMMAND} --backend {keras.backend.backend()}"
    made += f" --output {folder.as_posix()} --page {path.as_posix()}"
    blocks = [
        "# Gallery",
        _filled(
            "Class activation maps of trained networks on photographs. This "
            "command draws the pictures and writes the page:"
        ),
        f"    {made}",
        _filled(f"{origin()}."),
        _filled(
            "Colours run from dark blue (0) through green and yellow to light "
            "red (1). The list below a picture has one line per image, from "
            "top to bottom, with the predicted class and its probability."
        ),
    ]
    for section in sections:
        picture = os.path.relpath(folder / f"{section.name}.png", path.parent)
        size = " x ".join(map(str, section.found.images.shape[1:3]))
        lines = [
            f"- {source}: predicted {name} with probability {probability:.3f}"
            for source, name, probability in zip(
                section.sources,
                section.found.names,
                section.found.probabilities,
                strict=True,
            )
        ]
        blocks += [
            f"## {section.title}",
            _filled(section.text),
            f"![{section.title}]({Path(picture).as_posix()})",
            _filled(f"{section.network}; images of {size} pixels."),
            "\n".join(map(_filled, lines)),
        ]
    return "\n\n".join(blocks) + "\n"


def origin() -> str:
    """Returns the date, the machine and the versions of packages."""
    packages = ["keras", keras.backend.backend()]
    packages += [packaged.IMAGENET[0], packaged.EXPRESSIONS[0], "scikit-image"]
    return measured(", ".join(f"{each} {_version(each)}" for each in packages))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        # The distribution of TensorFlow has several names.
        return getattr(sys.modules.get(package), "__version__", "unknown")


def _filled(text: str) -> str:
    return textwrap.fill(
        text,
        WIDTH,
        subsequent_indent="  " * text.startswith("- "),
        break_long_words=False,
        break_on_hyphens=False,
    )
