"""The public layers, each with what it is tested with.

A file of `tests/blocks` has `CASES` of its layer, `EXAMPLES`, a strategy that
draws what it may be given, and `REFUSED`, by argument what it may not.
"""

import importlib
import pkgutil

from tests import blocks
from tests.cases import historic
from tests.cases.switches import LOCAL_RESPONSE

BLOCKS = tuple(
    importlib.import_module(f"tests.blocks.{module.name}")
    for module in pkgutil.iter_modules(blocks.__path__)
)
LAYERS = (*(case for each in BLOCKS for case in each.CASES), *LOCAL_RESPONSE)
EXAMPLES = historic.EXAMPLES | {
    each.CASES[0].cls: each.EXAMPLES for each in BLOCKS
}
REFUSED = historic.REFUSED | {
    each.CASES[0].cls: each.REFUSED for each in BLOCKS
}
