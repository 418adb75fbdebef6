import pytest

from applications.common.classes import check_classes

pytestmark = pytest.mark.once


def test_the_same_pass_and_others_are_named():
    check_classes("model.keras", ["a", "b"], ["a", "b"])
    message = r"model.keras: the model has 2 classes .*'b'\], and the data 1 "
    with pytest.raises(ValueError, match=message):
        check_classes("model.keras", ["a", "b"], ["a"])
    with pytest.raises(ValueError, match="the data 2"):
        check_classes("model.keras", ["a", "b"], ["b", "a"])
