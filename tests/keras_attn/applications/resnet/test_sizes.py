import inspect
from unittest import mock

import pytest

from keras_attn.applications import ResNet, ResNet18, ResNet152
from keras_attn.applications.resnet import sizes

pytestmark = pytest.mark.once
OF_A_SIZE = {"blocks", "bottleneck", "filters"}


def test_each_size_takes_each_form():
    whole = inspect.signature(ResNet).parameters
    own = inspect.signature(ResNet18).parameters
    assert list(own) == [name for name in whole if name not in OF_A_SIZE]
    for name in set(own) - {"name"}:
        assert own[name].default == whole[name].default, name


def test_each_argument_is_passed_on():
    given = {name: object() for name in inspect.signature(ResNet18).parameters}
    with mock.patch.object(sizes, "ResNet") as made:
        ResNet152(**given)
    (call,) = made.mock_calls
    passed = inspect.signature(ResNet).bind(*call.args, **call.kwargs)
    found = dict(passed.arguments)
    assert found.pop("blocks") == (3, 8, 36, 3)
    assert found.pop("bottleneck") is True
    assert found == given
