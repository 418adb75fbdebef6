import keras
import pytest

from tests.contracts.devices import FORMATS, format_error


@pytest.fixture(params=FORMATS)
def data_format(request):
    """A data format that the backend supports on this machine."""
    if reason := format_error(request.param):
        pytest.skip(reason)
    return request.param


@pytest.fixture
def keras_format(data_format):
    """The same, as the Keras setting."""
    keras.config.set_image_data_format(data_format)
    return data_format
