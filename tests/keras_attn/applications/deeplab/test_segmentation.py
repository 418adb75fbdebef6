import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.applications import DeepLabASC
from keras_attn.applications.deeplab import (
    SGD,
    MeanIoU,
    SegmentationCrossentropy,
)
from tests.cases.models import narrow, noise
from tests.contracts.devices import FORMATS, to_format
from tests.marks import once_but_first

# Two images of 3 x 4 pixels. The last label and one other label are ignored.
LABELS = np.array(
    [
        [[0, 1, 2, 1], [2, 2, 0, 0], [1, 0, 2, 255]],
        [[1, 1, 1, 1], [0, 255, 2, 2], [0, 0, 0, 1]],
    ]
)


def logits(seed=0, size=(3, 4)):
    random = np.random.default_rng(seed)
    return random.normal(size=(2, *size, 3)).astype("float32")


def by_hand(labels, logits, weights=(1, 1, 1)):
    """Sums over the pixels, one by one."""
    total = weight = 0.0
    for index in np.ndindex(labels.shape):
        label = labels[index]
        if label == 255:
            continue
        scores = logits[index].astype("float64")
        probability = np.exp(scores[label]) / np.exp(scores).sum()
        total -= weights[label] * np.log(probability)
        weight += weights[label]
    return total / weight


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


class TestCrossentropy:
    @pytest.mark.parametrize("data_format", once_but_first(FORMATS))
    @pytest.mark.parametrize("weights", once_but_first([None, (1, 2, 0.5)]))
    def test_by_hand(self, weights, data_format):
        loss = SegmentationCrossentropy(
            from_logits=True, class_weights=weights, data_format=data_format
        )
        value = loss(LABELS, to_format(logits(), data_format))
        expected = by_hand(LABELS, logits(), weights or (1, 1, 1))
        np.testing.assert_allclose(float(value), expected, rtol=1e-5)

    def test_is_that_of_pytorch(self):
        torch = pytest.importorskip("torch")
        weights = [1.0, 2.0, 0.5]
        expected = torch.nn.CrossEntropyLoss(
            torch.tensor(weights), ignore_index=255
        )(torch.tensor(logits()).permute(0, 3, 1, 2), torch.tensor(LABELS))
        loss = SegmentationCrossentropy(True, class_weights=weights)
        np.testing.assert_allclose(
            float(loss(LABELS, logits())), expected.item(), rtol=1e-5
        )

    def test_of_probabilities(self):
        value = SegmentationCrossentropy()(LABELS, softmax(logits()))
        np.testing.assert_allclose(
            float(value), by_hand(LABELS, logits()), rtol=1e-5
        )

    def test_probabilities_of_zero_are_no_infinity(self):
        scores = np.zeros((1, 1, 1, 3), "float32")
        value = float(SegmentationCrossentropy()(LABELS[:1, :1, :1], scores))
        assert np.isfinite(value) and value > 10

    @pytest.mark.once
    @pytest.mark.parametrize("data_format", FORMATS)
    def test_labels_may_have_an_axis_for_one_channel(self, data_format):
        axis = 1 if data_format == "channels_first" else 3
        loss = SegmentationCrossentropy(True, data_format=data_format)
        value = loss(
            np.expand_dims(LABELS, axis), to_format(logits(), data_format)
        )
        np.testing.assert_allclose(
            float(value), by_hand(LABELS, logits()), rtol=1e-5
        )

    @pytest.mark.once
    def test_labels_are_sampled_with_aligned_corners(self):
        labels = np.random.default_rng(0).integers(0, 3, (2, 17, 25))
        scores = logits(size=(3, 4))
        value = SegmentationCrossentropy(True)(labels, scores)
        expected = by_hand(labels[:, ::8, ::8], scores)
        np.testing.assert_allclose(float(value), expected, rtol=1e-5)

    def test_no_labelled_pixels_is_no_loss(self):
        loss = SegmentationCrossentropy(True)
        value = loss(np.full_like(LABELS, 255), logits())
        assert float(value) == 0.0

    @pytest.mark.parametrize("label", [3, -1, 254])
    def test_an_unknown_label_makes_the_loss_nan(self, label):
        labels = LABELS.copy()
        labels[0, 0, 0] = label
        assert np.isnan(float(SegmentationCrossentropy(True)(labels, logits())))

    def test_another_label_can_be_ignored(self):
        loss = SegmentationCrossentropy(True, ignore_label=0)
        labels = np.where(LABELS == 255, 0, LABELS)
        expected = by_hand(np.where(labels == 0, 255, labels), logits())
        np.testing.assert_allclose(
            float(loss(labels, logits())), expected, rtol=1e-5
        )

    def test_sums_and_means_of_half_precision_are_those_of_float32(self):
        scores = ops.cast(logits(), "float16")
        value = SegmentationCrossentropy(True)(LABELS, scores)
        np.testing.assert_allclose(
            float(value), by_hand(LABELS, logits()), rtol=1e-3
        )

    def test_is_saved_whole(self):
        loss = SegmentationCrossentropy(
            True, 9, [1, 2], "channels_first", name="own"
        )
        config = keras.saving.serialize_keras_object(loss)
        again = keras.saving.deserialize_keras_object(config)
        assert again.get_config() == loss.get_config()
        assert again.class_weights == [1.0, 2.0] and again.ignore_label == 9

    def test_refuses(self):
        with pytest.raises(ValueError, match="`reduction` must be"):
            SegmentationCrossentropy(reduction="sum")
        for weight in (-1, True, float("nan"), "1"):
            with pytest.raises(ValueError, match="`class_weights` must be a"):
                SegmentationCrossentropy(class_weights=[1, weight])
        loss = SegmentationCrossentropy(True, class_weights=[1, 2])
        with pytest.raises(ValueError, match="one weight for each of 3"):
            loss(LABELS, logits())
        with pytest.raises(ValueError, match="Labels must have"):
            SegmentationCrossentropy()(LABELS[0], logits())


class TestMeanIoU:
    def expected(self, labels, predicted, ignored=255):
        found = []
        for c in range(3):
            counts = (labels != 255) & (labels != ignored)
            both = ((labels == c) & (predicted == c))[counts].sum()
            either = ((labels == c) | (predicted == c))[counts].sum()
            if either:
                found.append(both / either)
        return np.mean(found)

    @pytest.mark.parametrize("data_format", once_but_first(FORMATS))
    def test_by_hand(self, data_format):
        metric = MeanIoU(3, data_format=data_format)
        for seed in range(2):
            scores = logits(seed)
            metric.update_state(LABELS, to_format(scores, data_format))
        predicted = np.stack([logits(seed).argmax(-1) for seed in range(2)])
        labels = np.stack([LABELS, LABELS])
        np.testing.assert_allclose(
            float(metric.result()), self.expected(labels, predicted), rtol=1e-6
        )

    def test_a_class_can_be_ignored(self):
        metric = MeanIoU(3, ignore_label=1, data_format="channels_last")
        metric.update_state(LABELS, logits(0))
        expected = self.expected(LABELS, logits(0).argmax(-1), ignored=1)
        np.testing.assert_allclose(float(metric.result()), expected, rtol=1e-6)

    @pytest.mark.once
    def test_a_class_that_does_not_occur_does_not_count(self):
        metric = MeanIoU(5)
        labels = np.array([[[0, 0, 1]]])
        scores = np.eye(5, dtype="float32")[[[[0, 1, 1]]]]
        metric.update_state(labels, scores)
        assert float(metric.result()) == 0.5

    @pytest.mark.once
    @pytest.mark.parametrize("shape", [(2,), (2, 3), (2, 3, 4)])
    def test_weights_of_images_rows_or_pixels(self, shape):
        weights = np.random.default_rng(0).integers(0, 2, shape)
        metric = MeanIoU(3)
        metric.update_state(LABELS, logits(), sample_weight=weights)
        shape = (*shape, *[1] * (3 - len(shape)))
        kept = np.broadcast_to(weights.reshape(shape), LABELS.shape)
        labels = np.where(kept, LABELS, 255)
        expected = self.expected(labels, logits().argmax(-1))
        np.testing.assert_allclose(float(metric.result()), expected, rtol=1e-6)

    @pytest.mark.once
    def test_samples_labels(self):
        labels = np.random.default_rng(0).integers(0, 3, (2, 17, 25))
        metric = MeanIoU(3)
        metric.update_state(labels, logits())
        expected = self.expected(labels[:, ::8, ::8], logits().argmax(-1))
        np.testing.assert_allclose(float(metric.result()), expected, rtol=1e-6)

    def test_is_saved_whole(self):
        metric = MeanIoU(3, 9, "channels_first", name="own")
        config = keras.saving.serialize_keras_object(metric)
        again = keras.saving.deserialize_keras_object(config)
        assert again.get_config() == metric.get_config()
        assert again.ignore_class == 9


@pytest.mark.once
def test_one_loss_trains_all_outputs():
    keras.utils.set_random_seed(0)
    model = narrow(DeepLabASC)(
        input_shape=(25, 33, 3),
        scales=(1, 0.5),
        attention_filters=4,
        extra_supervision=True,
        classifier_activation=None,
    )
    names = ["merged", "scale_1", "scale_0_5"]
    assert sorted(model.output) == sorted(names)
    model.compile(
        SGD(),
        SegmentationCrossentropy(from_logits=True),
        metrics={"merged": [MeanIoU(3)]},
    )
    masks = np.random.default_rng(0).integers(0, 3, (2, 25, 33))
    labels = dict.fromkeys(model.output, masks.astype("uint8"))
    logs = model.fit(noise(25, 33), labels, verbose=0).history
    parts = [logs[f"{name}_loss"][0] for name in names]
    np.testing.assert_allclose(logs["loss"][0], sum(parts), rtol=1e-5)
    assert all(0.9 < part < 1.3 for part in parts)
    assert 0 <= logs["merged_mean_iou"][0] <= 1


@pytest.mark.once
@pytest.mark.parametrize(
    ("cls", "arguments", "module"),
    [
        (SGD, (), "_multipliers"),
        (SegmentationCrossentropy, (), "_segmentation"),
        (MeanIoU, (3,), "_segmentation"),
    ],
)
def test_a_config_of_where_a_class_was_is_read(cls, arguments, module):
    value = cls(*arguments)
    config = keras.saving.serialize_keras_object(value)
    config["module"] = f"keras_attn.applications.{module}"
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(value)
