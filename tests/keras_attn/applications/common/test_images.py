import numpy as np
import pytest
from keras import ops

from keras_attn.applications import deeplab, fernet, resnet, vit, zfnet
from tests.contracts.devices import FORMATS, to_format

FAMILIES = pytest.mark.parametrize(
    "preprocess",
    [
        pytest.param(family.preprocess_input, id=family.__name__.split(".")[-1])
        for family in (deeplab, fernet, resnet, vit, zfnet)
    ],
)


@FAMILIES
class TestPreprocessInput:
    @pytest.mark.parametrize("data_format", FORMATS)
    def test_of_one_image_as_of_a_batch(self, preprocess, data_format):
        x = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), "uint8")
        x = to_format(x, data_format)
        batch = preprocess(x, data_format)
        one = preprocess(x[0], data_format)
        assert one.dtype == "float32" and one.base is not x
        np.testing.assert_array_equal(one, batch[0])
        tensor = preprocess(ops.convert_to_tensor(x[0]), data_format)
        tensor = ops.convert_to_numpy(tensor)
        np.testing.assert_allclose(tensor, one, rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("shape", [(3,), (4, 3), (1, 2, 4, 4, 3)])
    def test_refuses_other_numbers_of_axes(self, preprocess, shape):
        with pytest.raises(ValueError, match="with three axes, or a batch"):
            preprocess(np.zeros(shape), "channels_last")

    def test_refuses_a_format_that_does_not_exist(self, preprocess):
        with pytest.raises(ValueError, match="`data_format` must be one of"):
            preprocess(np.zeros((4, 4, 3)), "channels_frist")


@pytest.mark.parametrize("shape", [(4, 4, 1), (2, 4, 4, 1), (4, 4, 2)])
def test_images_of_fernet_have_any_channels(shape):
    y = fernet.preprocess_input(np.full(shape, 51), "channels_last")
    np.testing.assert_allclose(y, np.full(shape, 0.2), rtol=1e-6)
