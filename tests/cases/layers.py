"""The public layers with their test cases.

Each file in `tests/blocks` has the `CASES` of its layer, `EXAMPLES`, a strategy
of valid arguments and inputs, and `REFUSED`, a dict of invalid values by
argument.
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
