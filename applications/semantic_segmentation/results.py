"""Writes the table and the pictures of the study into a page."""

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
    """Results of one way to merge scales, for several seeds.

    Attributes:
        name: Name of the way.
        matrices: Confusion matrices of the test pixels, one per seed.
    """

    name: str
    matrices: list[np.ndarray]

    @property
    def means(self) -> list[float]:
        """Mean IoU of each seed."""
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
    """Writes the table and the pictures between two marks of a page.

    Args:
        page: The page, with `MARKS`.
        arms: Results of the study.
        run: Folder of the network to draw.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise ValueError(f"{page}: must be a UTF-8 text file") from problem
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
    """Draws the labels, the prediction and the weights of the scales."""
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
        "climate_prediction.png": "The picture, the climate zones and the "
        "prediction for the test part",
        "climate_scales.png": "Weight of each scale at each place",
    }


def origin() -> str:
    """Returns the date, the machine and the versions of packages."""
    backend = keras.backend.backend()
    versions = f"{backend} {importlib.import_module(backend).__version__}"
    return measured(f"Keras {keras.__version__}, {versions}.")
