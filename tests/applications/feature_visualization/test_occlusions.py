import keras
import numpy as np
import pytest
from PIL import Image

from applications.feature_visualization import figures

layers = keras.layers


def make_classifier():
    """Returns a subject whose class 0 depends on a light top left corner."""
    image = keras.Input((8, 8, 1))
    last = layers.Dense(2, activation="softmax")
    x = layers.Flatten(data_format="channels_last")(image)
    model = keras.Model(image, last(x))
    kernel = np.zeros((8, 8, 1, 2))
    kernel[:2, :2, :, 0] = 0.01
    last.set_weights([kernel.reshape(64, 2), np.array([0, 1])])
    images = np.zeros((8, 8, 8, 1), "uint8")
    images[::2, :2, :2] = 100
    return figures.Subject(
        model,
        images,
        list("abcdefgh"),
        "tiny",
        lambda images: images.astype("float32"),
        5,
        class_names=("light", "dark"),
    )


class TestOcclusions:
    def test_a_class_needs_what_it_is_seen_by(self):
        found = figures.find_occlusions(make_classifier(), 4)
        assert found.indices.tolist() == [0, 2, 4, 6]
        assert found.classes == ["light"] * 4
        # 4 pixels of 100 with the weight 0.01 give 4; the other class has 1.
        probability = 1 / (1 + np.exp(-3))
        np.testing.assert_allclose(found.probabilities, probability, rtol=1e-5)
        assert found.lost.shape == (4, 8, 8)
        # A square of 2 x 2 pixels, filled with the mean, 6.25.
        hidden = 1 / (1 + np.exp(1 - 4 * 6.25 * 0.01))
        expected = probability - hidden
        np.testing.assert_allclose(found.lost[:, 0, 0], expected, rtol=1e-4)
        np.testing.assert_allclose(found.lost[:, 3:, :], 0, atol=1e-6)
        np.testing.assert_allclose(found.lost[:, :, 3:], 0, atol=1e-6)

    @pytest.mark.parametrize("count, expected", [(1, [0]), (3, [0, 2, 5])])
    def test_images_evenly_out_of_all(self, count, expected):
        found = figures.find_occlusions(make_classifier(), count)
        assert found.indices.tolist() == expected
        assert len(found.lost) == len(found.classes) == count

    def test_not_more_than_there_are(self):
        found = figures.find_occlusions(make_classifier(), 50)
        assert found.indices.tolist() == list(range(8))
        assert found.classes == ["light", "dark"] * 4

    def test_what_is_drawn(self, tmp_path, monkeypatch):
        seen = {}

        def plot(images, heatmaps, titles, path):
            seen.update(images=images, maps=heatmaps["needed"], titles=titles)
            path.write_bytes(b"drawn")

        monkeypatch.setattr(figures.explain, "plot", plot)
        subject = make_classifier()
        lost = np.zeros((2, 8, 8), "float32")
        lost[0, 0, :3] = 0.4, 0.1, -0.2
        lost[1, 0, 0] = -0.25
        found = figures.Occlusions(
            np.array([0, 3]), ["light", "dark"], [0.95, 0.75], lost
        )
        path = tmp_path / "a.png"
        figures.draw_occlusions(subject, found, path)
        assert seen["titles"] == [
            "light 0.950, down to 0.550",
            "dark 0.750, down to 0.750",
        ]
        np.testing.assert_array_equal(seen["images"], subject.images[[0, 3]])
        np.testing.assert_allclose(seen["maps"][0, 0, :3], [1, 0.25, 0])
        assert not seen["maps"][1].any()
        assert path.read_bytes() == b"drawn"

    def test_draws_a_picture(self, tmp_path):
        subject = make_classifier()
        found = figures.find_occlusions(subject, 2)
        path = tmp_path / "new" / "occlusion.png"
        figures.draw_occlusions(subject, found, path)
        with Image.open(path) as image:
            assert image.format == "PNG" and image.height > image.width
