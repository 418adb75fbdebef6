import re

import numpy as np
import pytest
from PIL import Image

from applications.semantic_segmentation import explain, train
from applications.semantic_segmentation.model import load_model
from applications.semantic_segmentation.scale_maps import scale_maps
from tests.applications.semantic_segmentation.conftest import draw_scene


def test_draws_a_scene_of_the_data(trained, tmp_path, capsys):
    path = tmp_path / "scales.png"
    argv = ["--model", str(trained), "--index", "1", "--output", str(path)]
    assert explain.main(argv) == 0
    printed = capsys.readouterr().out
    found = re.search(r"mean weight of scale 1: (\S+), 0.5: (\S+)\n", printed)
    np.testing.assert_allclose(sum(map(float, found.groups())), 1, atol=2e-3)
    with Image.open(path) as image:
        assert image.width > 2 * image.height > 200


def test_draws_files(trained, tmp_path):
    paths = []
    for i, size in enumerate(((33, 50), (20, 70))):
        image, _ = draw_scene(np.random.default_rng(i), *size)
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray(image).save(paths[-1])
    output = tmp_path / "scales.png"
    argv = ["--model", str(trained), "--output", str(output), "--image"]
    assert explain.main([*argv, *map(str, paths)]) == 0
    assert output.stat().st_size > 10_000


def test_weights_sum_to_one_at_an_eighth_of_the_size(trained):
    image, _ = draw_scene(np.random.default_rng(0), 41, 57)
    found = scale_maps(load_model(trained), image)
    assert found.mask.shape == (41, 57)
    assert found.weights.shape == (6, 8, 2)
    np.testing.assert_allclose(found.weights.sum(-1), 1, rtol=1e-5)


def test_refuses(trained, tmp_path, capsys):
    argv = ["--model", str(trained), "--output", str(tmp_path / "a.png")]
    assert explain.main([*argv, "--index", "3"]) == 2
    assert "--index must be 0 to 2. Received: 3" in capsys.readouterr().err


@pytest.mark.usefixtures("small")
def test_one_scale_has_nothing_to_weigh(command, tmp_path, capsys):
    run = tmp_path / "run"
    argv = [*command, "--output", str(run), "--scales", "1", "--epochs", "1"]
    assert train.main(argv) == 0
    argv = ["--model", str(run), "--output", str(tmp_path / "a.png")]
    assert explain.main(argv) == 2
    assert "the network must have several scales" in capsys.readouterr().err
