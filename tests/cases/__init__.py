"""Every layer and model of the package, with the numbers it is tested with."""

from tests.cases.channel import CHANNEL
from tests.cases.feature_act import FEATURE_ACT
from tests.cases.models import FERNET as FERNET

LAYERS = (*FEATURE_ACT, *CHANNEL)
MODELS = (FERNET,)


def cases_of(cls):
    """Returns the cases of a class of layers."""
    return [case for case in LAYERS if case.cls is cls]
