"""The test cases of the models and layers of the package."""

from tests.cases.models import ASC, FERNET, LARGEFOV, RESNET, VIT, ZFNET
from tests.cases.switches import SWITCHES

MODELS = (FERNET, RESNET, LARGEFOV, ASC, VIT, ZFNET, *SWITCHES)
