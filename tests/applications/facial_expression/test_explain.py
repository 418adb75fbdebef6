import numpy as np
import pytest
from PIL import Image

from applications.facial_expression import explain


def drawn(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_draws_the_stages_of_a_network(trained, tmp_path, capsys):
    path = tmp_path / "study.png"
    argv = ["--model", str(trained), "--output", str(path)]
    assert explain.main(argv) == 0
    both = drawn(path)
    assert len(np.unique(both.reshape(-1, 3), axis=0)) > 50
    assert "stage2" in capsys.readouterr().out
    assert explain.main([*argv, "--stages", "stage1"]) == 0
    assert drawn(path).shape[0] < both.shape[0]


def test_draws_two_networks_side_by_side(trained, folder, tmp_path):
    path = tmp_path / "study.png"
    image = str(folder / "test" / "above" / "0.png")
    argv = ["--image", image, "--stages", "stage1", "--output", str(path)]
    assert explain.main(["--model", str(trained), *argv]) == 0
    one = drawn(path)
    assert explain.main(["--model", str(trained), str(trained), *argv]) == 0
    assert drawn(path).shape[1] > 1.5 * one.shape[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--index", "99"], "--index must be 0 to 15"),
        (["--stages", "stage9"], "must be among"),
        (["--image", "none.png"], "none.png: there is no such file"),
    ],
)
def test_bad_options_are_named(trained, tmp_path, capsys, options, words):
    output = ["--output", str(tmp_path / "a.png")]
    assert explain.main(["--model", str(trained), *options, *output]) == 2
    assert words in capsys.readouterr().err
