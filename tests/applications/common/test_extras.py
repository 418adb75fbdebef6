import pytest

from applications.common.extras import optional


def test_returns_the_module():
    assert optional("json", "images").loads("1") == 1


def test_says_which_extra_brings_a_missing_package():
    with pytest.raises(ValueError, match=r'pip install -e "\.\[demo\]"'):
        optional("no_such_package.data", "demo")
