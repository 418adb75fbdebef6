import re

import pytest
from PIL import Image

from applications.facial_expression import demo


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demonstration_keeps_its_promise(tmp_path, capfd):
    argv = ["--output", str(tmp_path), "--seeds", "0", "1", "2"]
    assert demo.main(argv) == 0
    out = capfd.readouterr().out
    mean = float(re.search(r"FERNet, mean of 3: ([\d.]+)", out)[1])
    baseline = float(re.search(r"nearest class mean: +([\d.]+)", out)[1])
    assert mean >= 0.98 > baseline
    assert out.count("bit for bit") == 3
    with Image.open(tmp_path / "study.png") as image:
        assert image.size[0] > 600
    for name in ("model.keras", "log.csv", "confusion.png"):
        assert (tmp_path / "seed0" / name).exists()
