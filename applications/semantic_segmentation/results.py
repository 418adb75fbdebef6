"""The table and the pictures of the study, for the page of the model."""

import dataclasses
import importlib
from pathlib import Path

import keras
import numpy as np

from applications.common import files, reports
from applications.common.extras import optional
from applications.common.machine import measured
from applications.semantic_segmentation import climate, scale_maps
from applications.semantic_segmentation.model import load_model
from applications.semantic_segmentation.palette import overlay

MARKS = "<!-- results -->", "<!-- end of results -->"
PICTURES = Path("images")


@dataclasses.dataclass(frozen=True)
class Arm:
    """What several seeds of one way have come to.

    Attributes:
        name: Of the way.
        matrices: Confusion of the test pixels, one for each seed.
    """

    name: str
    matrices: list[np.ndarray]

    @property
    def means(self) -> list[float]:
        """The mean IoU of each seed."""
        return [float(np.nanmean(reports.iou(m))) for m in self.matrices]

    def cells(self) -> list[str]:
        """Returns the cells of a row: mean, seeds, accuracy and classes."""
        means = self.means
        unions = np.mean([reports.iou(m) for m in self.matrices], axis=0)
        accuracy = np.mean([reports.scores(m).accuracy for m in self.matrices])
        seeds = ", ".join(f"{mean:.3f}" for mean in means)
        return [
            self.name,
            f"{np.mean(means):.3f}",
            seeds if len(means) > 1 else "",
            f"{accuracy:.3f}",
            *(f"{union:.2f}" for union in unions),
        ]

    def line(self) -> str:
        """Returns the row as text for a terminal."""
        return "  ".join(self.cells())


def table(arms: list[Arm]) -> str:
    """Returns a Markdown table."""
    head = ["", "mIoU", "seeds", "pixels right", *climate.CLASS_NAMES]
    rows = [head, ["---"] * len(head), *(arm.cells() for arm in arms)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write_page(page: Path, arms: list[Arm], run: Path) -> None:
    """Writes table and pictures between two marks of a page.

    Args:
        page: The page, with `MARKS`.
        arms: What was found.
        run: Folder of the network that is drawn.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise ValueError(f"{page}: not a text file in UTF-8") from problem
    if not all(mark in text for mark in MARKS):
        raise ValueError(f"{page}: must have the lines {' and '.join(MARKS)}")
    before, rest = text.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    pictures = page.parent.parent / PICTURES
    names = draw(run, pictures)
    links = "\n\n".join(
        f"![{title}](../{PICTURES.as_posix()}/{name})"
        for name, title in names.items()
    )
    middle = f"{MARKS[0]}\n\n{table(arms)}\n\n{origin()}\n\n{links}\n\n"
    files.write_text(page, f"{before}{middle}{MARKS[1]}{after}")


def draw(run: Path, folder: Path) -> dict[str, str]:
    """Draws truth and prediction, and the weights of the scales."""
    loaded = load_model(run)
    (scene,) = climate.blocks(loaded.config.factor)["test"]
    image = scene.image()
    found = scale_maps.scale_maps(loaded, image)
    figure_module = optional("matplotlib.figure", "images")
    figure = figure_module.Figure((9.0, 6.6), layout="constrained")
    for axes, title, shown in zip(
        figure.subplots(1, 3),
        ("Blue Marble", "climate zones", "predicted"),
        (
            image,
            overlay(image, scene.mask(), loaded.palette, 0.7),
            overlay(image, found.mask, loaded.palette, 0.7),
        ),
        strict=True,
    ):
        axes.imshow(shown)
        axes.set_title(title, fontsize="medium")
        axes.set(xticks=[], yticks=[])
    scale_maps.add_legend(figure, loaded)
    with files.replacing(folder / "climate_prediction.png") as partial:
        figure.savefig(partial, dpi=90)
    scale_maps.draw(
        loaded,
        {scene.source: image},
        {scene.source: found},
        folder / "climate_scales.png",
    )
    return {
        "climate_prediction.png": "The test part: the picture, the zones, and "
        "what the network says",
        "climate_scales.png": "How much each scale counts where",
    }


def origin() -> str:
    """Returns when, where and with what this was measured."""
    backend = keras.backend.backend()
    versions = f"{backend} {importlib.import_module(backend).__version__}"
    return measured(f"Keras {keras.__version__}, {versions}.")
