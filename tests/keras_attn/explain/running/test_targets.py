import keras
import numpy as np
import pytest
from keras import ops

from keras_attn import explain
from tests.cases import explained
from tests.cases.explained import TARGETS, golden


def maps(targets, model=None, method=explain.GradCAM, layer="relu2"):
    return method(model or explained.functional(), layer)(
        explained.images(), targets
    )


@pytest.mark.once
class TestClasses:
    def test_the_highest_score_by_default(self):
        np.testing.assert_allclose(
            maps(None), golden()["y_GradCAM_argmax"], atol=1e-4
        )

    def test_one_for_all(self):
        np.testing.assert_allclose(maps(4), maps([4, 4, 4]), atol=1e-6)

    @pytest.mark.parametrize("targets", [TARGETS, tuple(TARGETS)])
    def test_a_sequence(self, targets):
        np.testing.assert_allclose(
            maps(targets), golden()["y_GradCAM"], atol=1e-4
        )

    @pytest.mark.parametrize("targets", [5, -1, [0, 1, 5]])
    def test_out_of_range_are_refused(self, targets):
        with pytest.raises(ValueError, match="from 0 to 4.*Received"):
            maps(targets)

    @pytest.mark.parametrize("targets", [[0, 1], 1.5, "fc", [[0], [1], [2]]])
    def test_other_things_are_refused(self, targets):
        with pytest.raises(ValueError, match="one class index per image"):
            maps(targets)


class TestCallables:
    def test_are_given_the_scores(self):
        found = maps(lambda outputs: outputs[:, 1])
        np.testing.assert_allclose(found, maps(1), atol=1e-6)

    def test_before_softmax(self):
        model = explained.functional("softmax")
        found = maps(lambda outputs: outputs[:, 1], model)
        np.testing.assert_allclose(found, maps(1), atol=1e-6)

    def test_may_compare_classes(self):
        weights = golden()["weights"]["fc.weight"]
        found = maps(lambda y: y[:, 1] - y[:, 3], method=explain.HiResCAM)
        model = explained.functional()
        inside = keras.Model(model.input, model.get_layer("relu2").output)
        features = ops.convert_to_numpy(inside(explained.images()))
        raw = np.maximum(features @ (weights[1] - weights[3]), 0.0)
        expected = explained.scaled(
            explained.resized(explained.scaled(raw.astype("float64")))
        )
        np.testing.assert_allclose(found, expected, atol=1e-4)

    def test_must_return_one_score_per_image(self):
        with pytest.raises(ValueError, match=r"Received: shape \(3, 5\)"):
            maps(lambda outputs: outputs)


def test_a_score_may_explain_by_itself():
    model, images = explained.functional(), explained.images()
    inner = explain.GradCAM(explained.functional())
    weights = inner(images).mean(axis=(1, 2))

    def score(outputs):
        mean = inner(images).mean(axis=(1, 2))
        return outputs[:, 0] * ops.convert_to_tensor(mean)

    found = explain.GradCAM(model)(images, score)
    expected = explain.GradCAM(model)(
        images, lambda y: y[:, 0] * ops.convert_to_tensor(weights)
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_score_may_explain_the_model_itself():
    model, images = explained.functional(), explained.images()
    cam = explain.GradCAM(model)
    expected = cam(images, 0)
    inside = []

    def score(outputs):
        inside.append(cam(images, 0))
        return outputs[:, 0]

    np.testing.assert_allclose(cam(images, score), expected, atol=1e-6)
    for maps in inside:
        np.testing.assert_allclose(maps, expected, atol=1e-6)


@pytest.mark.once
class TestMaskedMean:
    def features(self, model):
        inside = keras.Model(model.input, model.get_layer("relu2").output)
        return ops.convert_to_numpy(inside(explained.images()))

    def expected(self, features, classes, mask):
        """`ReLU(sum_k m w_ck A_k)`, as the scores are linear in features."""
        weights = golden()["weights"]["fc.weight"][classes]
        raw = np.einsum("bhwk,bk->bhw", features, weights) * mask
        raw = np.maximum(raw, 0.0).astype("float64")
        return explained.scaled(explained.resized(explained.scaled(raw)))

    def test_is_of_the_region_only(self):
        model = explained.segmentation()
        mask = np.zeros((16, 12), "bool")
        mask[2:9, 3:7] = True
        found = maps(
            explain.MaskedMean(2, mask), model, method=explain.HiResCAM
        )
        features = self.features(model)
        expected = self.expected(features, [2, 2, 2], mask)
        np.testing.assert_allclose(found, expected, atol=1e-4)

    @pytest.mark.parametrize("batch_size", [2, 32])
    def test_of_each_image_by_itself(self, batch_size):
        model = explained.segmentation()
        mask = np.random.default_rng(0).random((3, 16, 12)) > 0.6
        cam = explain.HiResCAM(model, "relu2")
        found = cam(
            explained.images(),
            explain.MaskedMean(TARGETS, mask),
            batch_size=batch_size,
        )
        expected = self.expected(self.features(model), TARGETS, mask)
        np.testing.assert_allclose(found, expected, atol=1e-4)

    def test_is_turned_with_the_image(self):
        # The smoothed map of a symmetric image is symmetric if and only if
        # the mask is mirrored with the image.
        model = explained.segmentation()
        images = explained.images() + explained.images()[:, :, ::-1]
        left = np.zeros((16, 12), "bool")
        left[:, :4] = True
        one, other = (
            explain.HiResCAM(model, "relu2")(
                images, explain.MaskedMean(1, mask), aug_smooth=True
            )
            for mask in (left, left[:, ::-1])
        )
        np.testing.assert_allclose(one, other[:, :, ::-1], atol=1e-4)
        assert one[:, :, 20:].max() < 1e-6 < one[:, :, :8].max()

    def test_of_a_channels_first_model(self):
        kwargs = {"data_format": "channels_first"}
        inputs = keras.Input((3, 32, 24))
        x = explained.chain(inputs, explained.steps(**kwargs))
        x = keras.layers.Conv2D(5, 1, name="fc", **kwargs)(x)
        model = explained.load(keras.Model(inputs, x))
        mask = np.random.default_rng(0).random((16, 12)) > 0.6
        images = explained.images().transpose(0, 3, 1, 2)
        cam = explain.HiResCAM(model, "relu2")
        for smooth in (False, True):
            found = cam(images, explain.MaskedMean(1, mask), aug_smooth=smooth)
            expected = explain.HiResCAM(explained.segmentation(), "relu2")(
                explained.images(),
                explain.MaskedMean(1, mask),
                aug_smooth=smooth,
            )
            np.testing.assert_allclose(found, expected, atol=1e-4)

    @pytest.mark.parametrize(
        ("mask", "match"),
        [
            (np.ones(3), "Received: shape"),
            (np.zeros((4, 4)), "and mark at least one"),
            (-np.ones((4, 4)), "and mark at least one"),
            (np.array([["a"]]), "Received: shape"),
        ],
    )
    def test_of_nothing_is_refused(self, mask, match):
        with pytest.raises(ValueError, match=match):
            explain.MaskedMean(0, mask)

    @pytest.mark.parametrize("shape", [(4, 4), (3, 4, 4), (2, 16, 12)])
    def test_of_another_size_is_refused(self, shape):
        with pytest.raises(ValueError, match="`mask` must.*Received"):
            maps(
                explain.MaskedMean(0, np.ones(shape)), explained.segmentation()
            )

    def test_of_a_classifier_is_refused(self):
        with pytest.raises(ValueError, match="the size of the model's"):
            maps(explain.MaskedMean(0, np.ones((16, 12))))
