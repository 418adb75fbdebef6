import keras
import numpy as np
import pytest

from keras_attn import backend
from keras_attn.explain import top_activations
from tests.cases import deconvnet_in_numpy as in_numpy
from tests.contracts.devices import FORMATS, format_error, to_format

pytestmark = pytest.mark.once

COUNT = 23


def everything(layer, k):
    """Returns values and indices, computed for all images at once."""
    steps = in_numpy.Steps(in_numpy.model(), in_numpy.images(COUNT))
    maps = steps.maps[layer]
    best = maps.max(axis=(1, 2)).T
    order = np.argsort(-best, axis=1, kind="stable")[:, :k]
    return maps, np.take_along_axis(best, order, 1), order


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("layer", ["conv1", "pool3"])
def test_are_those_of_all_images(layer, data_format):
    if reason := format_error(data_format):
        pytest.skip(reason)
    images = to_format(in_numpy.images(COUNT), data_format)
    model = in_numpy.model(data_format)
    top = top_activations(model, layer, images, k=4, batch_size=5)
    maps, values, order = everything(layer, 4)
    np.testing.assert_allclose(top.values, values, rtol=1e-5, atol=1e-6)
    alive = values > 0
    np.testing.assert_array_equal(top.indices[alive], order[alive])
    for c, j in np.ndindex(*order.shape):
        if alive[c, j]:
            row, column = top.positions[c, j]
            found = maps[top.indices[c, j], row, column, c]
            np.testing.assert_allclose(found, values[c, j])


def test_boxes_are_receptive_fields():
    model = in_numpy.model()
    images = in_numpy.images(COUNT)
    top = top_activations(model, "conv3", images, k=2)
    steps = in_numpy.Steps(model, images[:1])
    for c, j in np.ndindex(*top.values.shape):
        seed = np.zeros((1, 2, 4))
        seed[0, *top.positions[c, j]] = 1
        rows, columns = np.nonzero(steps.fields("conv3", seed)[0])
        box = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
        assert top.boxes[c, j].tolist() == list(box)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        images = in_numpy.images(COUNT)[8 * index : 8 * index + 8]
        return images, np.zeros(len(images))


def generated():
    for start in range(0, COUNT, 9):
        yield in_numpy.images(COUNT)[start : start + 9]


@pytest.mark.parametrize("make", [Batches, generated])
def test_streams_batches_with_labels_and_without(make):
    model = in_numpy.model()
    expected = top_activations(model, "pool1", in_numpy.images(COUNT), k=3)
    found = top_activations(model, "pool1", make(), k=3)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-6)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.boxes, expected.boxes)


def test_of_equal_images_the_first_counts_and_few_are_all():
    images = np.concatenate([in_numpy.images(1)] * 3)
    top = top_activations(in_numpy.model(), "conv1", images, 9, batch_size=2)
    assert top.values.shape == (4, 3)
    assert top.indices.tolist() == [[0, 1, 2]] * 4


def test_compiles_once_for_all_batches(monkeypatch):
    shapes = []
    inference = backend.inference

    def watched(function):
        compiled = inference(function)

        def run(values, tensors):
            shapes.append(tuple(tensors[0].shape))
            return compiled(values, tensors)

        return run

    monkeypatch.setattr(backend, "inference", watched)
    top_activations(in_numpy.model(), "conv1", generated())
    assert len(shapes) == 3 and len(set(shapes)) == 1


def test_refuses_images_of_several_sizes():
    image = keras.Input((None, None, 1))
    model = keras.Model(image, keras.layers.MaxPooling2D(2, name="pool")(image))
    images = (np.zeros((2, side, 8, 1)) for side in (8, 16))
    with pytest.raises(ValueError, match=r"\(16, 8\) after \(8, 8\)"):
        top_activations(model, "pool", images)


@pytest.mark.parametrize(
    ("dataset", "k", "message"),
    [
        (in_numpy.images(2), 0, "`k` must be a positive integer"),
        (iter([]), 9, "an empty dataset"),
        (7, 9, "`dataset` must be an array of images"),
        ("images", 9, "`dataset` must be an array of images"),
    ],
)
def test_refuses(dataset, k, message):
    with pytest.raises(ValueError, match=message):
        top_activations(in_numpy.model(), "conv1", dataset, k)
