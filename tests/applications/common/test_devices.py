import keras
import pytest

from applications.common.devices import DISTRIBUTIONS, Devices, distributed
from tests.contracts import devices


def test_by_itself_there_is_one_device_and_nothing_to_feed():
    with distributed("none") as used:
        assert used == Devices(1, None)


def test_a_batch_has_to_be_a_multiple_of_the_devices():
    Devices(2).check(8)
    with pytest.raises(
        ValueError, match="a multiple of the 2 devices. Received: 7"
    ):
        Devices(2).check(7)


def test_what_is_shared_is_shared_inside_only():
    if keras.backend.backend() == "torch":
        with pytest.raises(ValueError, match="needs --backend jax or tensor"):
            with distributed(DISTRIBUTIONS[1]):
                pass
        return
    with distributed(DISTRIBUTIONS[1]) as used:
        assert used.count >= 1
        assert used.count == 1 or devices.device() != "cpu"
        inside = keras.distribution.distribution()
        assert (inside is not None) == (keras.backend.backend() == "jax")
        assert (used.feed is None) == (keras.backend.backend() == "jax")
    assert keras.distribution.distribution() is None
