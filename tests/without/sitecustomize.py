"""Hides packages from a process: on its path, Python imports this first.

Keras imports each backend that it finds, which takes ten seconds for three.
"""

import os
import sys


class Without:
    """Finds what others do, but for modules of some names.

    Not `None` in `sys.modules`: Keras asks for the name only, and takes the
    module for imported.
    """

    def __init__(self, finders, names):
        self.finders, self.names = finders, names

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.names:
            return None
        specs = (each.find_spec(name, path, target) for each in self.finders)
        return next(filter(None, specs), None)


if names := os.environ.get("KERAS_ATTN_WITHOUT", "").split():
    sys.meta_path[:] = [Without(sys.meta_path[:], names)]
