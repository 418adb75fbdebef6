import json

import numpy as np
from PIL import Image

from applications.common import reports
from applications.semantic_segmentation import evaluate
from applications.semantic_segmentation.model import load_model
from applications.semantic_segmentation.predict import predict_mask


def test_counts_the_pixels_of_all_scenes(trained, folder, tmp_path, capsys):
    argv = ["--model", str(trained), "--output", str(tmp_path)]
    assert evaluate.main(argv) == 0
    found = json.loads((tmp_path / "scores.json").read_text())
    matrix = np.array(found["confusion"])
    # 3 pictures of 40 x 48, without the ignored rows.
    assert matrix.sum() == 3 * 38 * 48
    loaded = load_model(trained)
    expected = np.zeros((3, 3), int)
    for i in range(3):
        image, mask = (
            np.array(Image.open(folder / "test" / kind / f"{i}.png"))
            for kind in ("images", "masks")
        )
        predicted = predict_mask(loaded, image)
        for true, other in zip(mask.ravel(), predicted.ravel(), strict=True):
            if true != 255:
                expected[true, other] += 1
    np.testing.assert_array_equal(matrix, expected)
    printed = capsys.readouterr().out
    mean = np.nanmean(reports.iou(expected))
    assert f"{mean:.3f}" in printed and "blue" in printed
    with Image.open(tmp_path / "confusion.png") as image:
        assert min(image.size) > 200


def test_other_data_and_views(trained, folder, tmp_path, capsys):
    argv = ["--model", str(trained), "--output", str(tmp_path)]
    argv += ["--data", str(folder), "--part", "validation", "--flip"]
    assert evaluate.main([*argv, "--test-scales", "0.75", "1"]) == 0
    found = json.loads((tmp_path / "scores.json").read_text())
    assert found["part"] == "validation"


def test_refuses(trained, folder, tmp_path, capsys):
    argv = ["--model", str(trained), "--output", str(tmp_path)]
    assert evaluate.main([*argv, "--test-scales", "0"]) == 2
    assert "--test-scales must be above 0" in capsys.readouterr().err
    assert evaluate.main(["--model", str(tmp_path / "none")]) == 2
    assert "there is no such model" in capsys.readouterr().err
    other = tmp_path / "data"
    for part in ("train", "test"):
        for kind in ("images", "masks"):
            (other / part / kind).mkdir(parents=True)
        Image.fromarray(np.zeros((9, 9, 3), "uint8")).save(
            other / part / "images" / "a.png"
        )
        Image.fromarray(np.eye(9, dtype="uint8")).save(
            other / part / "masks" / "a.png"
        )
    assert evaluate.main([*argv, "--data", str(other)]) == 2
    assert "the model has 3 classes" in capsys.readouterr().err
    argv += ["--data", str(folder), "--part", "validation"]
    (trained / "run.json").rename(trained / "away.json")
    try:
        assert evaluate.main(argv) == 2
        assert "there is no run.json next to it" in capsys.readouterr().err
    finally:
        (trained / "away.json").rename(trained / "run.json")
