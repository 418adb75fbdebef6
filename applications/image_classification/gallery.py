"""Draws the gallery: `python -m applications.image_classification.gallery`."""

import argparse
import io
from pathlib import Path
from typing import Any

import numpy as np

from applications.common import command, files
from applications.common.extras import optional
from applications.image_classification import parsers, sections
from applications.image_classification.page import page
from applications.image_classification.parsers import METHODS
from applications.image_classification.sections import Section
from keras_attn import explain

FACES_METHODS = (
    "grad_cam grad_cam_plus_plus hi_res_cam layer_cam score_cam".split()
)
# Score-CAM runs the network once for each of its 1280 channels.
QUICK_METHODS = [name for name in FACES_METHODS if name != "score_cam"]
COLUMNS = 5
ROOT = Path(__file__).resolve().parents[2]
# Folder that Git ignores.
RUNS = ROOT / "runs"


@command.parsed_by(parsers.gallery)
def main(options: argparse.Namespace) -> None:
    """Draws the gallery."""
    optional("matplotlib.figure", "images")
    if options.photos:
        check_is_private(options.output)
        check_is_private(options.page or options.output)
    found = [
        sections.faces(FACES_METHODS),
        sections.layers(),
        sections.objects(QUICK_METHODS),
        sections.cat(list(METHODS)),
    ]
    if options.photos:
        found.append(sections.private(QUICK_METHODS))
    for section in found:
        path = options.output / f"{section.name}.png"
        draw(section, path)
        print(f"wrote {path}")
    if options.page is not None:
        files.write_text(
            options.page, page(found, options.output, options.page)
        )
        print(f"wrote {options.page}")


def check_is_private(path: Path) -> None:
    """Raises an error for a place where photographs could be published."""
    path = path.resolve()
    if path.is_relative_to(ROOT) and not path.is_relative_to(RUNS):
        raise ValueError(
            f"{path}: --output and --page must be outside {ROOT} or in {RUNS} "
            "with --photos, since these photographs may not be published"
        )


def draw(section: Section, path: Path) -> None:
    """Draws a section with at most `COLUMNS` maps side by side."""
    image_module = optional("PIL.Image", "images")
    found = section.found
    titles = [
        f"{source}: predicted {title}"
        for source, title in zip(section.sources, found.titles(), strict=True)
    ]
    names = list(found.heatmaps)
    blocks = []
    for start in range(0, len(names), COLUMNS):
        maps = {
            name: found.heatmaps[name]
            for name in names[start : start + COLUMNS]
        }
        blocks.append(_pixels(explain.plot(found.images, maps, titles)))
    width = max(block.shape[1] for block in blocks)
    blocks = [
        np.pad(
            block,
            ((0, 0), (0, width - block.shape[1]), (0, 0)),
            constant_values=255,
        )
        for block in blocks
    ]
    picture = image_module.fromarray(np.concatenate(blocks))
    # Halves the file; Pillow dithers only if the palette is given.
    palette = picture.quantize(256, kmeans=4)
    picture = picture.quantize(palette=palette)
    with files.replacing(path) as partial:
        picture.save(partial, optimize=True)


def _pixels(figure: Any) -> np.ndarray:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=70)
    with optional("PIL.Image", "images").open(file) as image:
        return np.asarray(image.convert("RGB"))


if __name__ == "__main__":
    raise SystemExit(main())
