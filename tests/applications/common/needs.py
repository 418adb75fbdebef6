"""Marks for tests that need packages from PyPI."""

import pytest

from applications.common import packaged
from applications.semantic_segmentation import climate, vgg16


def needs(*functions):
    """Skips a test without a package, with the missing ones as reason."""
    reasons = []
    for function in functions:
        try:
            function()
        except ValueError as problem:
            reasons.append(str(problem))
    return pytest.mark.skipif(bool(reasons), reason="; ".join(reasons))


needs_maps = needs(
    lambda: packaged.find(*climate.PICTURE),
    lambda: packaged.find(*climate.ZONES),
)
needs_weights = needs(lambda: packaged.find(vgg16.HED, vgg16.HED_FILE))
