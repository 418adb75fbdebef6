import keras
import numpy as np
import pytest
from PIL import Image

from applications.feature_visualization import figures
from keras_attn.applications import ZFNet

layers = keras.layers
SIDE = 12
# Row, column and value of the only bright pixel of each image.
DOTS = [(1, 1, 40), (6, 4, 200), (10, 5, 90), (5, 10, 120)]


def make_subject(weights=(1.0, 5.0, -1.0), **kwargs):
    """Returns a network whose maps are the image times weights."""
    first = keras.config.image_data_format() == "channels_first"
    shape = (1, SIDE, SIDE) if first else (SIDE, SIDE, 1)
    image = x = keras.Input(shape)
    convolution = layers.Conv2D(
        len(weights), 3, activation="relu", name="stage1_conv"
    )
    x = layers.MaxPooling2D(2, name="stage1")(convolution(x))
    x = layers.Flatten(name="flatten")(x)
    last = layers.Dense(2, activation="softmax", name="predictions")
    model = keras.Model(image, last(x))
    kernel = np.zeros((3, 3, 1, len(weights)))
    kernel[1, 1, 0] = weights
    convolution.set_weights([kernel, np.zeros(len(weights))])
    images = np.zeros((len(DOTS), SIDE, SIDE, 1), "uint8")
    for picture, (row, column, value) in zip(images, DOTS, strict=True):
        picture[row, column] = value

    def prepare(images):
        images = np.moveaxis(images, -1, 1) if first else images
        return images.astype("float32")

    defaults = {"batch_size": 3, "class_names": ("cat", "dog")}
    return figures.Subject(
        model, images, list("abcd"), "tiny", prepare, **(defaults | kwargs)
    )


def box(row, column):
    """Returns the receptive field of a pooled dot: 4 x 4 pixels."""
    top, left = (2 * ((place - 1) // 2) for place in (row, column))
    return slice(top, top + 4), slice(left, left + 4)


class TestModels:
    def test_stage_ends(self):
        model = ZFNet(include_top=False, small_images=True, filters=(4,) * 5)
        expected = [f"stage{number}" for number in range(1, 6)]
        assert figures.stage_ends(model) == expected
        assert figures.stage_ends(make_subject().model) == ["stage1"]
        # 16, 8, 4 and 1 pixels wide.
        model = ZFNet(input_shape=(16, 16, 1), small_images=True, units=8)
        assert figures.stage_ends(model) == expected[:4]

    def test_first_kernel(self):
        image = keras.Input((8, 8, 3))
        x = layers.Dense(3, name="not_this_one")(image)
        first = layers.Conv2D(2, 3)
        model = keras.Model(image, layers.Conv2D(4, 3)(first(x)))
        kernel = np.asarray(first.get_weights()[0])
        found = figures.first_kernel(model)
        np.testing.assert_array_equal(found, kernel)
        found = figures.first_kernel(model, is_bgr=True)
        np.testing.assert_array_equal(found, kernel[:, :, [2, 1, 0]])

    def test_a_model_without_a_convolution(self):
        model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
        with pytest.raises(ValueError, match="must have a convolution.*Rec"):
            figures.first_kernel(model)

    def test_nothing_follows_the_layer(self):
        model = make_subject().model
        found = figures.up_to(model, "stage1")
        assert found.layers[-1] is model.get_layer("stage1")
        assert len(found.layers) == 3

    def test_no_such_layer(self):
        rule = r"--layers must be layers of.*Received: stage2\..*stage1_conv"
        with pytest.raises(ValueError, match=rule):
            figures.up_to(make_subject().model, "stage2")


class TestFindFeatures:
    @pytest.mark.parametrize("format_", ["channels_last", "channels_first"])
    def test_strongest_maps_and_images_come_first(self, format_):
        keras.config.set_image_data_format(format_)
        found = figures.find_features(make_subject(), "stage1")
        # The third map is never above 0.
        assert [each.channel for each in found] == [1, 0]
        for feature, weight in zip(found, (5, 1), strict=True):
            assert feature.images.tolist() == [1, 3, 2, 0]
            expected = [weight * value for value in (200, 120, 90, 40)]
            np.testing.assert_allclose(feature.values, expected)

    @pytest.mark.parametrize("format_", ["channels_last", "channels_first"])
    def test_patches_are_the_boxes_of_the_images(self, format_):
        keras.config.set_image_data_format(format_)
        subject = make_subject()
        for feature in figures.find_features(subject, "stage1"):
            for index, patch, picture in zip(
                feature.images,
                feature.patches,
                feature.reconstructions,
                strict=True,
            ):
                image = subject.images[index]
                rows, columns = box(*DOTS[index][:2])
                assert patch.dtype == "uint8"
                np.testing.assert_array_equal(patch, image[rows, columns])
                # Only the same dot.
                assert patch.any()
                np.testing.assert_array_equal(picture > 0, patch > 0)
                assert not (picture < 0).any()

    def test_as_many_maps_and_images_as_are_asked_for(self):
        subject = make_subject(weights=(1, 2, 3, 4, 6, 5))
        found = figures.find_features(subject, "stage1", best=2)
        assert [each.channel for each in found] == [4, 5, 3, 2]
        assert {len(each.patches) for each in found} == {2}
        found = figures.find_features(subject, "stage1_conv", [2, 0])
        assert [each.channel for each in found] == [2, 0]
        assert found[0].patches[0].shape == (3, 3, 1)

    def test_images_that_do_not_excite_a_map_are_left_out(self):
        subject = make_subject()
        subject.images[2] = 0
        found = figures.find_features(subject, "stage1")
        assert [each.images.tolist() for each in found] == [[1, 3, 0]] * 2
        assert [len(each.reconstructions) for each in found] == [3, 3]

    def test_only_the_strongest_activation_of_an_image(self):
        subject = make_subject()
        # Not at the dot of 200.
        subject.images[1, 10, 10] = 150
        found = figures.find_features(subject, "stage1")
        rows, columns = box(*DOTS[1][:2])
        expected = subject.images[1, rows, columns]
        np.testing.assert_array_equal(found[0].patches[0], expected)

    def test_colours_are_brought_back_as_they_are_in_the_images(self):
        image = keras.Input((SIDE, SIDE, 3))
        convolution = layers.Conv2D(1, 3, activation="relu", name="stage1")
        model = keras.Model(image, convolution(image))
        kernel = np.zeros((3, 3, 3, 1))
        # Blue, which comes first.
        kernel[1, 1, 0] = 1
        convolution.set_weights([kernel, np.zeros(1)])
        images = np.zeros((1, SIDE, SIDE, 3), "uint8")
        images[0, 3, 5] = 10, 20, 70
        subject = figures.Subject(
            model,
            images,
            ["a"],
            "tiny",
            lambda images: images[..., ::-1].astype("float32"),
            1,
            is_bgr=True,
        )
        (found,) = figures.find_features(subject, "stage1")
        assert found.values.tolist() == [70]
        assert found.patches[0][1, 1].tolist() == [10, 20, 70]
        assert np.argwhere(found.reconstructions[0]).tolist() == [[1, 1, 2]]

    def test_maps_that_the_layer_does_not_have(self):
        rule = r"--channels must be 0 to 2 for .* stage1\. Received: 3, 7"
        with pytest.raises(ValueError, match=rule):
            figures.find_features(make_subject(), "stage1", [0, 3, 7])

    def test_no_map_that_is_excited(self):
        with pytest.raises(ValueError, match=r"above 0.*maps 2, which no"):
            figures.find_features(make_subject(), "stage1", [2])


class TestDrawFeatures:
    def test_draws_a_picture(self, tmp_path):
        found = figures.find_features(make_subject(), "stage1")
        paths = [tmp_path / "new" / "a.png", tmp_path / "new" / "b.png"]
        for path in paths:
            figures.draw_features(found, "stage1", path)
        with Image.open(paths[0]) as image:
            assert image.format == "PNG" and image.width > 400
        assert paths[0].read_bytes() == paths[1].read_bytes()
        assert len(list(paths[0].parent.iterdir())) == 2

    def test_what_is_drawn(self, tmp_path, monkeypatch):
        seen = {}

        def plot(reconstructions, patches, titles, path):
            seen.update(r=reconstructions, p=patches, t=titles)
            path.write_bytes(b"drawn")

        monkeypatch.setattr(figures.explain, "plot_features", plot)
        picture = np.arange(-50.0, 50.0).reshape(10, 10, 1)
        dot = np.zeros((10, 10, 1))
        dot[3, 3] = 1
        patches = [np.zeros((10, 10, 1), "uint8")] * 2
        values = np.array([1234.5, 6.25])
        one = figures.Feature(7, np.arange(2), values, [picture, dot], patches)
        two = figures.Feature(9, np.arange(1), values[1:], [dot], patches[:1])
        path = tmp_path / "a.png"
        figures.draw_features([one, two], "stage1", path)
        # Also for numbers that end in an exact binary 5.
        assert seen["t"][0] in (
            "stage1, map 7: 1234 to 6.25",
            "stage1, map 7: 1235 to 6.25",
        )
        assert seen["t"][1] == "stage1, map 9: 6.25"
        assert seen["p"] == [patches, patches[:1]]
        clipped, same = seen["r"][0]
        # 2 of 100 are clipped, -50; the next values are -49 and 49.
        expected = np.clip(picture, -49, 49)
        np.testing.assert_allclose(clipped, expected, atol=1e-6)
        np.testing.assert_array_equal(same, dot)
        assert path.read_bytes() == b"drawn"
