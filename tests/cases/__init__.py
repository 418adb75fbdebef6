"""What layers and models of the package are tested with."""

from tests.cases.models import ASC, FERNET, LARGEFOV, RESNET, VIT, ZFNET
from tests.cases.switches import SWITCHES

MODELS = (FERNET, RESNET, LARGEFOV, ASC, VIT, ZFNET, *SWITCHES)
