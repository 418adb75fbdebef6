import keras
import numpy as np
import pytest

from applications.facial_expression.model import load_model
from applications.facial_expression.study import stages_of, study


@pytest.fixture(scope="module")
def loaded(trained):
    return load_model(trained)


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (16, 16, 1), "uint8")


def test_finds_the_stages(loaded):
    assert stages_of(loaded.model) == ["stage1", "stage2"]


def test_maps_are_the_means_of_what_the_layer_reads_and_returns(loaded, image):
    found = study(loaded, image)
    assert [each.features.shape for each in found] == [(8, 8), (4, 4)]
    images = image[None] / np.float32(255)
    for each in found:
        tap = loaded.model.get_layer(each.stage)
        inside = keras.Model(loaded.model.input, [tap.input, tap.output])
        before, after = inside.predict(images, verbose=0)
        np.testing.assert_allclose(
            each.features, before[0].mean(axis=-1), rtol=1e-4, atol=1e-6
        )
        np.testing.assert_allclose(
            each.sum, after[0].mean(axis=-1), rtol=1e-4, atol=1e-6
        )
        np.testing.assert_allclose(
            each.sum, each.features + each.cor_feature, rtol=1e-4, atol=1e-6
        )


def test_stages_can_be_chosen(loaded, image):
    (only,) = study(loaded, image, ["stage2"])
    assert only.stage == "stage2"


@pytest.mark.parametrize("stages", [["stage9"], []])
def test_other_stages_are_refused(loaded, image, stages):
    with pytest.raises(ValueError, match=r"must be among \['stage1', 'stage2'"):
        study(loaded, image, stages)
