"""Hides packages from a process. Python imports it at startup, if on the path.

Keras imports every installed backend, which takes ten seconds for three.
"""

import os
import sys


class Without:
    """Delegates to other finders, except for some module names.

    `None` in `sys.modules` would not work: Keras checks only that the name is
    there, and assumes that the module is imported.
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
