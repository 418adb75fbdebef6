"""Reads the part of the data to show to a trained network."""

import argparse
import dataclasses

from applications.semantic_segmentation.climate import blocks
from applications.semantic_segmentation.config import Config
from applications.semantic_segmentation.data import read_data
from applications.semantic_segmentation.model import Loaded
from applications.semantic_segmentation.scenes import Scene, Scenes


def read_for(
    config: Config, skip_bad: bool = False, workers: int = 1
) -> Scenes:
    """Reads the data of a run."""
    return read_data(
        config.data,
        config.seed,
        skip_bad,
        workers,
        config.tile,
        config.factor,
        config.validation,
    )


def whole_maps(config: Config, part: str) -> list[Scene]:
    """Returns the uncut maps of the Earth, with masks at full resolution.

    This way no pixel counts twice, and networks that read the maps at
    different sizes are comparable.
    """
    reduced = blocks(config.factor, config.validation)
    full = blocks(1, config.validation)
    if part not in full:
        raise ValueError(
            f"the maps have no {part} part in this run. Received: "
            f"{', '.join(full)}"
        )
    return [
        dataclasses.replace(one, mask=other.mask)
        for one, other in zip(reduced[part], full[part], strict=True)
    ]


def read_part(loaded: Loaded, options: argparse.Namespace) -> list[Scene]:
    """Reads `--part` of `--data`, or of the data of the run."""
    config = loaded.config
    if options.data:
        config = dataclasses.replace(config, data=options.data)
    if config.data is None:
        return whole_maps(config, options.part)
    scenes = read_for(config, options.skip_bad, options.workers)
    return loaded.part(scenes, options)
