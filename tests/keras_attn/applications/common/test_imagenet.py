import numpy as np
import pytest
from keras import ops

from keras_attn.applications import resnet
from keras_attn.applications.common import imagenet


class TestPreprocessInput:
    def test_normalises_each_colour(self):
        x = np.arange(24, dtype="uint8").reshape(1, 2, 4, 3)
        y = resnet.preprocess_input(x, "channels_last")
        expected = (x / 255.0 - imagenet.MEAN) / imagenet.STD
        assert y.dtype == "float32"
        np.testing.assert_allclose(y, expected, rtol=1e-5)
        first = resnet.preprocess_input(
            ops.convert_to_tensor(x.transpose(0, 3, 1, 2)), "channels_first"
        )
        first = ops.convert_to_numpy(first).transpose(0, 2, 3, 1)
        np.testing.assert_allclose(first, expected, rtol=1e-4, atol=1e-5)

    def test_rejects_images_that_are_not_rgb(self):
        with pytest.raises(ValueError, match="three channels at axis -1"):
            resnet.preprocess_input(np.zeros((1, 4, 4, 1)), "channels_last")


class TestDecodePredictions:
    @pytest.mark.parametrize(
        ("index", "wordnet", "name"),
        [
            (0, "n01440764", "tench"),
            (281, "n02123045", "tabby"),
            (282, "n02123159", "tiger cat"),
            (999, "n15075141", "toilet tissue"),
        ],
    )
    def test_names_the_classes_of_imagenet(self, index, wordnet, name):
        preds = ops.one_hot([index], 1000)
        best = resnet.decode_predictions(preds, top=1)
        assert best == [[(wordnet, name, 1.0)]]

    def test_the_classes_are_in_the_order_of_their_ids(self):
        ids, names = imagenet._classes()
        assert len(ids) == len(names) == 1000
        assert list(ids) == sorted(set(ids))
        assert all(i[0] == "n" and len(i) == 9 for i in ids)
        # Names of two classes each: bird and machine, and two swimsuits.
        twice = {name for name in names if names.count(name) == 2}
        assert twice == {"crane", "maillot"}
        assert len(set(names)) == 998

    def test_names_the_best_first(self):
        preds = np.zeros((2, 1000))
        preds[0, [7, 3, 5]] = 0.2, 0.7, 0.1
        best = resnet.decode_predictions(preds)
        assert [len(image) for image in best] == [5, 5]
        assert [score for _, _, score in best[0]] == [0.7, 0.2, 0.1, 0.0, 0.0]
        # Ties go to the first class.
        assert best[1][0][:2] == ("n01440764", "tench")

    @pytest.mark.parametrize("top", [0, -1, True, 2.0, None])
    def test_refuses_a_number_of_classes(self, top):
        with pytest.raises(ValueError, match="`top` must be a positive int"):
            resnet.decode_predictions(np.zeros((1, 1000)), top=top)

    def test_takes_other_names(self):
        preds = np.array([[0.25, 0.75]])
        best = resnet.decode_predictions(preds, class_names=["cat", "dog"])
        assert best == [[(1, "dog", 0.75), (0, "cat", 0.25)]]

    @pytest.mark.parametrize("shape", [(1000,), (2, 10), (1, 1000, 1)])
    def test_says_which_shape_it_needs(self, shape):
        with pytest.raises(ValueError) as caught:
            resnet.decode_predictions(np.zeros(shape))
        message = str(caught.value)
        assert "the shape (batch, 1000)" in message
        assert "['tench', 'goldfish'" in message and "'...']" in message
        assert f"Received: preds.shape={shape}. Pass `class_names`" in message

    def test_says_which_shape_other_names_need(self):
        with pytest.raises(ValueError, match=r"batch, 2.*\['cat', 'dog'\]"):
            resnet.decode_predictions(
                np.zeros((1, 3)), class_names=["cat", "dog"]
            )
