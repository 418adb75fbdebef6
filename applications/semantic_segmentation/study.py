"""Compares merges: `python -m applications.semantic_segmentation.study`.

Trains the recipe with attention, average, maximum and one scale, each with
several seeds. Measures each network on the test part of the maps, and writes
the table and the pictures. An interrupted study resumes.
"""

import argparse
import time
from pathlib import Path

import keras
import numpy as np

from applications.common import command, reports, runs
from applications.common.training import Run
from applications.semantic_segmentation import climate, parsers
from applications.semantic_segmentation.config import Config
from applications.semantic_segmentation.model import load_model
from applications.semantic_segmentation.predict import confusion
from applications.semantic_segmentation.results import Arm, write_page
from applications.semantic_segmentation.source import read_for, whole_maps
from applications.semantic_segmentation.train import train_model

# Chosen on the far east of the maps, which the test part does not contain.
RECIPE = {
    "filters": 64,
    "attention_filters": 64,
    "skips": "stage1",
    "views": 3,
    "mirror": True,
    "epochs": 10,
    "optimizer": "adam",
    "learning_rate": 3e-3,
    "class_weights": True,
}
ARMS = {
    "attention": {"merge": "attention", "extra_supervision": True},
    "average": {"merge": "average", "extra_supervision": True},
    "maximum": {"merge": "maximum", "extra_supervision": True},
    "one scale": {"scales": "1"},
}
# Not `scores.json`, which `evaluate` writes for any part.
RESULT = "result.json"


@command.parsed_by(parsers.study)
def main(options: argparse.Namespace) -> None:
    """Runs the study."""
    arms = []
    for name, settings in ARMS.items():
        matrices = []
        for seed in options.seeds:
            config = Config(**RECIPE, **settings, seed=seed)
            folder = options.output / f"{name.replace(' ', '_')}_{seed}"
            found = run(config, folder, options.output / "features")
            matrices.append(np.array(found["confusion"]))
            mean = np.nanmean(reports.iou(matrices[-1]))
            print(f"{name}, seed {seed}: test mIoU {mean:.3f}", flush=True)
        arms.append(Arm(name, matrices))
    arms.append(Arm("colour table", [colour_table()]))
    for arm in arms:
        print(arm.line())
    if options.page:
        drawn = options.output / f"attention_{options.seeds[0]}"
        write_page(options.page, arms, drawn)
        print(f"wrote {options.page} and its pictures")


def run(config: Config, folder: Path, cache: Path) -> dict:
    """Trains and tests one network, or reads an earlier result."""
    began, before = time.perf_counter(), folder.exists()
    train_model(config, read_for(config), Run(folder, verbose=2), cache)
    seconds = time.perf_counter() - began
    known = runs.read_result(folder, RESULT)
    if known is not None:
        return known
    matrix = confusion(load_model(folder), whole_maps(config, "test"))
    found = {
        "confusion": matrix.tolist(),
        # Unknown for a run that was interrupted.
        "seconds": None if before else seconds,
        "backend": keras.backend.backend(),
    }
    runs.write_result(folder, RESULT, found)
    # Otherwise the graphs of all runs would stay in memory.
    keras.backend.clear_session()
    return found


def colour_table() -> np.ndarray:
    """Returns the confusion matrix of the colour table on the test part."""
    blocks = climate.blocks()
    predicted = climate.colour_table(blocks["train"], blocks["test"])
    classes = len(climate.CLASS_NAMES)
    return sum(
        reports.confusion_matrix(
            scene.mask().ravel().astype("int64"), mask.ravel(), classes
        )
        for scene, mask in zip(blocks["test"], predicted, strict=True)
    )


if __name__ == "__main__":
    raise SystemExit(main())
