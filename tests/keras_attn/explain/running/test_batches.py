import keras
import numpy as np
import pytest

from keras_attn import backend, explain
from keras_attn.explain.running.batches import batches, in_batches
from tests.cases import explained


class TestBatches:
    @pytest.mark.parametrize("count", range(1, 9))
    @pytest.mark.parametrize("size", [1, 2, 3, 8, 20])
    def test_hold_each_index_once_and_have_one_size(self, count, size):
        found = list(batches(count, size))
        held = [i for indices, real in found for i in indices[:real]]
        assert held == list(range(count))
        assert len({len(indices) for indices, _ in found}) == 1
        assert max(len(indices) for indices, _ in found) <= size

    def test_are_of_few_sizes_where_each_is_compiled(self):
        sizes = {len(next(batches(i, 1000))[0]) for i in range(1, 1001)}
        assert len(sizes) == (20 if backend.COMPILES else 1000)
        for count in range(1, 1000):
            ((indices, real),) = batches(count, 1000)
            assert real == count <= len(indices) <= 1.5 * count


def test_results_are_joined_without_the_padding():
    numbers = np.arange(7)

    def function(indices):
        tensor = keras.ops.convert_to_tensor(numbers[indices])
        return {"tensor": tensor, "more": [numbers[indices, None] + 1]}

    found = in_batches(7, 3, function)
    assert found["tensor"].tolist() == numbers.tolist()
    assert found["more"][0].tolist() == (numbers[:, None] + 1).tolist()


class TestSize:
    def test_and_padding_do_not_matter(self):
        cam = explain.GradCAM(explained.functional())
        images = np.concatenate([explained.images()] * 2)[:5]
        whole = cam(images, batch_size=32)
        assert whole.shape == (5, 32, 24)
        for batch_size in (1, 2, 3):
            parts = cam(images, batch_size=batch_size)
            np.testing.assert_allclose(parts, whole, atol=1e-5)

    @pytest.mark.parametrize("batch_size", [0, -1, 2.0, None])
    def test_others_are_refused(self, batch_size):
        cam = explain.GradCAM(explained.functional())
        with pytest.raises(ValueError, match="`batch_size` must be"):
            cam(explained.images(), batch_size=batch_size)
