"""Every layer and model of the package, with the numbers it is tested with."""

from tests.cases.channel import CHANNEL
from tests.cases.encoding import ENCODINGS
from tests.cases.feature_act import FEATURE_ACT
from tests.cases.models import ASC, FERNET, LARGEFOV, RESNET, VIT, ZFNET
from tests.cases.scales import SCALES
from tests.cases.second_order import SECOND_ORDER
from tests.cases.self_attention import SELF_ATTENTION
from tests.cases.switches import LOCAL_RESPONSE, SWITCHES

LAYERS = (
    *FEATURE_ACT,
    *CHANNEL,
    *SECOND_ORDER,
    *ENCODINGS,
    *SCALES,
    *LOCAL_RESPONSE,
    *SELF_ATTENTION,
)
MODELS = (FERNET, RESNET, LARGEFOV, ASC, VIT, ZFNET, *SWITCHES)


def cases_of(cls):
    """Returns the cases of a class of layers."""
    return [case for case in LAYERS if case.cls is cls]
