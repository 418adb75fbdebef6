import dataclasses

import keras
import numpy as np
import pytest
from PIL import Image

from applications.common import runs
from applications.common.datasets import read_data
from applications.feature_visualization import (
    filters,
)
from applications.feature_visualization.config import Config
from applications.feature_visualization.model import build_model
from tests.applications.feature_visualization.conftest import names_in

STAGES = [f"stage{number}" for number in range(1, 6)]
# The network sees 20 of these 22 pixels.
CONFIG = Config(size=22, crop=20, filters="4,5,6,5,4", units=4)


def write_run(folder, data, constraint):
    """Writes the run of a random network without dead units."""
    # Another network for each limit.
    keras.utils.set_random_seed(int(100 * constraint))
    config = dataclasses.replace(
        CONFIG, data=str(data), constraint=float(constraint)
    )
    facts = {
        "settings": config.to_dict(),
        "class_names": ["dark", "light"],
        "data_digest": read_data(str(data), config.shape, config.seed).digest(),
    }
    runs.open_run(folder, facts, restart=False)
    model = build_model(config, 2, 1)
    model.set_weights([abs(each) for each in model.get_weights()])
    model.save(folder / runs.MODEL)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Writes 4 grey images per class and part."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.RandomState(0)
    for part in ("train", "test"):
        for name, low in (("dark", 0), ("light", 128)):
            (folder / part / name).mkdir(parents=True)
            for number in range(4):
                image = rng.randint(low, low + 128, (22, 22)).astype("uint8")
                path = folder / part / name / f"{number}.png"
                Image.fromarray(image).save(path)
    return folder


@pytest.fixture(scope="module")
def run_folder(data, tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "first", data, 0.1)


def kernel_in(folder):
    """Returns the first kernel of a run."""
    model = keras.saving.load_model(folder / runs.MODEL, compile=False)
    return model.get_layer("stage1_conv").get_weights()[0]


class TestRun:
    def test_draws_all_figures_of_a_run(
        self, run, run_folder, tmp_path, drawn, data
    ):
        status, lines, errors = run("--model", run_folder, "--occlude", "2")
        assert (status, errors) == (0, [])
        features = [f"features_{name}.png" for name in STAGES]
        assert names_in(tmp_path) == [
            *features,
            "filters.png",
            "occlusion.png",
        ]
        wrote = [line.rpartition("/")[2] for line in lines if "wrote" in line]
        assert wrote == ["filters.png", *features, "occlusion.png"]
        # The filters in the file.
        kernel = kernel_in(run_folder)
        ((found, _, title, beside),) = drawn["draw_filters"]
        np.testing.assert_array_equal(found, kernel)
        assert title == f"{run_folder}: RMS limited to 0.1"
        assert beside == {}
        # The centres of the test images.
        ((subject, hidden, _),) = drawn["draw_occlusions"]
        assert hidden.indices.tolist() == [0, 4]
        for index, name in ((0, "dark/0"), (4, "light/0")):
            with Image.open(data / "test" / f"{name}.png") as image:
                expected = np.asarray(image)[1:21, 1:21]
            np.testing.assert_array_equal(
                subject.images[index, ..., 0], expected
            )

    def test_layers_and_channels_that_are_chosen(
        self, run, run_folder, tmp_path, drawn
    ):
        argv = "--layers stage2_conv stage1 stage2_conv --channels 3 1".split()
        status, lines, _ = run("--model", run_folder, *argv, "--occlude", "0")
        assert status == 0 and "occlusion.png" not in names_in(tmp_path)
        calls = drawn["draw_features"]
        assert [layer for _, layer, _ in calls] == ["stage2_conv", "stage1"]
        for found, _, _ in calls:
            assert [each.channel for each in found] == [3, 1]
        told = [line.split("\t") for line in lines if "\t" in line]
        assert [each[:2] for each in told] == [
            ["stage2_conv", "map 3"],
            ["stage2_conv", "map 1"],
            ["stage1", "map 3"],
            ["stage1", "map 1"],
        ]
        # 8 images, with their activations.
        assert all(len(each[2].split(", ")) == 8 for each in told)

    def test_another_run_beside(self, run, run_folder, data, tmp_path, drawn):
        other = write_run(tmp_path / "other", data, 0)
        argv = "--layers stage1 --occlude 0 --beside".split()
        assert run("--model", run_folder, *argv, other)[0] == 0
        ((_, _, title, beside),) = drawn["draw_filters"]
        ((name, kernel),) = beside.items()
        assert name == f"{other}: no limit on the RMS" and "0.1" in title
        np.testing.assert_array_equal(kernel, kernel_in(other))

    def test_images_in_the_place_of_the_data(
        self, run, run_folder, tmp_path, drawn
    ):
        folder = tmp_path / "images"
        folder.mkdir()
        for name, value in (("a", 50), ("b", 200)):
            image = np.zeros((22, 22, 3), "uint8")
            image[3:9, 4:9] = value
            Image.fromarray(image).save(folder / f"{name}.png")
        argv = "--layers stage1 --occlude 0 --images".split()
        status, lines, _ = run("--model", run_folder, *argv, folder)
        assert status == 0
        ((found, _, _),) = drawn["draw_features"]
        assert {len(each.patches) for each in found} <= {1, 2}
        assert found[0].images.tolist()[0] == 1
        told = next(line for line in lines if "\t" in line)
        assert told.split("\t")[2].startswith("b ")
        ((subject, *_),) = drawn["find_features"]
        assert subject.images.shape == (2, 20, 20, 1)
        assert subject.images.max(axis=(1, 2, 3)).tolist() == [50, 200]

    def test_is_the_same_each_time(self, run, run_folder, tmp_path):
        folder = tmp_path / "new" / "drawn"
        found = []
        for _ in range(2):
            argv = "--layers stage1 --channels 0 --occlude 0".split()
            assert run("--model", run_folder, *argv)[0] == 0
            found.append({p.name: p.read_bytes() for p in folder.iterdir()})
        assert found[0] == found[1] and len(found[0]) == 2

    @pytest.mark.parametrize(
        "argv, message",
        [
            ("--layers stage1 stage9", "--layers must be .* Received: stage9"),
            ("--channels 1 1", "without repetitions. Received: 1 1"),
            ("--channels -1", "--channels must be 0 or more"),
            ("--layers stage1 --channels 4", "must be 0 to 3.*Received: 4"),
            ("--layers fc6", "must output"),
            ("--occlude -2", "--occlude must be 0 or more. Received: -2"),
            ("--size 16", "--size must be 32 to 512. Received: 16"),
            ("--images nowhere.png", "nowhere.png: there is no such file"),
            ("--model nowhere", "nowhere: there is no such model"),
            ("--beside nowhere", "nowhere: there is no such model"),
            ("--part validation", "the data has no validation images"),
        ],
    )
    def test_errors_are_one_line(self, run, run_folder, argv, message):
        status, _, errors = run("--model", run_folder, *argv.split())
        assert status == 2 and len(errors) == 1
        assert errors[0].startswith("error: ")
        with pytest.raises(ValueError, match=message):
            raise ValueError(errors[0])

    @pytest.mark.parametrize("argv", ["--layers stage9", "--channels 1 1"])
    def test_nothing_is_drawn_before_options_are_known(
        self, run, run_folder, tmp_path, argv
    ):
        assert run("--model", run_folder, *argv.split())[0] == 2
        assert not (tmp_path / "new").exists()

    def test_what_was_drawn_stays_until_the_new_one_is_whole(
        self, run, run_folder, tmp_path, monkeypatch
    ):
        argv = "--layers stage1 --channels 0 --occlude 0".split()
        run("--model", run_folder, *argv)
        path = tmp_path / "new" / "drawn" / "filters.png"
        before = path.read_bytes()

        def fail(*_):
            raise OSError("the disk is full")

        monkeypatch.setattr(filters.files, "_flush", fail)
        monkeypatch.setattr(filters, "SIDE", 1.0)
        status, _, errors = run("--model", run_folder, *argv)
        (error,) = errors
        assert status == 2 and error.endswith(
            "filters.png: cannot be written (the disk is full)"
        )
        assert path.read_bytes() == before
